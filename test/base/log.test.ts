// What a log shows of an error, with the log that the server uses and the client that says too much.
import { createServer } from 'node:net'
import { Redis } from 'ioredis'
import pino from 'pino'
import t from 'tap'
import { logSerializers, printableJson } from '../../src/base/log.ts'

const canary = 'canary-password'

function lines(): { readonly log: pino.Logger; readonly text: () => string } {
  const written: string[] = []
  return {
    log: pino(
      { base: null, serializers: logSerializers },
      { write: (line: string) => void written.push(line) },
    ),
    text: () => written.join(''),
  }
}

t.test('W11 a Redis that refuses the password does not put it into the log', async (t) => {
  const refusing = createServer((socket) => {
    socket.on('error', () => {})
    socket.on('data', (bytes) => {
      for (const _ of bytes.toString().matchAll(/^\*\d/gm)) socket.write('-WRONGPASS invalid\r\n')
    })
  })
  await new Promise<void>((listening) => refusing.listen(0, '127.0.0.1', listening))
  const address = refusing.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const redis = new Redis(`redis://:${canary}@127.0.0.1:${port}`, { retryStrategy: () => null })
  const { log, text } = lines()
  const error = await new Promise<Error>((told) => redis.once('error', told))
  redis.disconnect()
  refusing.close()
  t.match(JSON.stringify(error), canary, 'the error itself holds it')
  log.warn({ err: error }, 'Redis does not answer')
  log.error({ error: new Error('outer', { cause: error }) }, 'as a cause')
  t.match(text(), 'WRONGPASS')
  t.notMatch(text(), canary)
})

t.test('W11 W13 an error is shown with its causes, and without what hangs on it', async (t) => {
  const { log, text } = lines()
  const inner = Object.assign(new Error('inner'), { code: '23505', detail: canary, parameters: [canary] })
  const outer = Object.assign(new TypeError('first\nsecond \u001b[31m', { cause: inner }), {
    request: canary,
  })
  log.error({ err: outer }, 'failed')
  log.error({ err: { secret: canary } }, 'no error at all')
  t.notMatch(text(), canary)
  t.equal(text().split('\n').length, 3, 'one line each')
  t.notMatch(text(), /\u001b/)
  const [first = ''] = text().split('\n')
  t.match(JSON.parse(first), {
    err: {
      type: 'TypeError',
      message: 'first\nsecond \u001b[31m',
      cause: { message: 'inner', code: '23505' },
    },
  })
  const circle: Error & { cause?: unknown } = new Error('circle')
  circle.cause = circle
  log.error({ err: circle }, 'circle')
  t.match(text(), 'circle')
})

t.test('W13 nothing in a log line moves the cursor of a terminal', async (t) => {
  const hostile = { 'na\u009bme': 'a\u009b2J\u001b[31m\u0007\u007f\u202etxt\u2028\r\n' }
  const line = printableJson(hostile)
  t.match(line, /^[\x20-\x7e]+$/)
  t.same(JSON.parse(line), hostile)
})
