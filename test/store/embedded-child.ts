// A process of its own for embedded.test.ts: `write` inserts rows and prints each id once its commit is acknowledged,
// `hold` keeps the folder. Both run until they are killed or their standard input ends.
import pg from 'pg'
import { openEmbedded } from '../../src/store/embedded/embedded.ts'

const [task, folder = ''] = process.argv.slice(2)
process.stdin.on('end', () => process.exit(0)).resume()

try {
  const embedded = await openEmbedded(folder)
  process.stdout.write('open\n')
  if (task === 'write') {
    const pool = new pg.Pool(embedded.poolConfig())
    const { rows } = await pool.query('select coalesce(max(id), 0) as last from written')
    for (let id = rows[0].last + 1; ; id++) {
      await pool.query('insert into written values ($1, $2)', [id, 'x'.repeat(id % 500)])
      process.stdout.write(`${id}\n`)
    }
  }
} catch (error) {
  process.stdout.write(`refused: ${(error as Error).message}\n`)
  process.exit(2)
}
