import { once } from 'node:events'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import t from 'tap'
import type { Log } from '../../src/base/log.ts'
import { Fault } from '../../src/base/result.ts'
import { ensureCertificate } from '../../src/net/certificate.ts'
import type { Connection } from '../../src/net/connection.ts'
import { listenTcp, type TcpListener, type TcpOptions } from '../../src/net/tcp.ts'
import { TlsIdentity } from '../../src/net/tls.ts'

const folder = t.testdir({})
const files = await ensureCertificate(folder, ['acme.example'])
const ca = readFileSync(join(folder, 'ca.pem'))

/** A log that remembers messages by level. */
function listLog(): Log & { lines: string[] } {
  const lines: string[] = []
  const at = (level: string) => (_fields: object, message: string) => void lines.push(`${level} ${message}`)
  return { lines, debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}

async function listen(
  t: { teardown: (end: () => unknown) => void },
  onConnection: TcpOptions['onConnection'],
  options: Partial<TcpOptions> = {},
): Promise<TcpListener & { log: ReturnType<typeof listLog> }> {
  const log = listLog()
  const listener = await listenTcp({
    name: 'test',
    hosts: ['127.0.0.1'],
    port: 0,
    onConnection,
    log,
    ...options,
  })
  t.teardown(() => listener.close(0))
  return Object.assign(listener, { log })
}

const dial = (port: number, host = '127.0.0.1'): Socket => connect({ port, host }).on('error', () => {})
const dialTls = (port: number, options = {}): TLSSocket =>
  connectTls({ port, host: '127.0.0.1', servername: 'localhost', ca, ...options })

/** All that the peer sends until it closes. */
async function readAll(socket: Socket): Promise<string> {
  const chunks: Buffer[] = []
  socket.on('data', (chunk) => chunks.push(chunk))
  if (!socket.closed) await new Promise((resolve) => socket.once('close', resolve))
  return Buffer.concat(chunks).toString()
}

const tick = () => new Promise<void>((resolve) => setImmediate(resolve))
const echo = (connection: Connection) =>
  connection.onData((bytes) => {
    connection.write(bytes)
    if (bytes.includes('!')) connection.end()
  })

t.test('echo, on both families and on one port', async (t) => {
  const peers: (string | null)[] = []
  const setUp = (connection: Connection) => {
    peers.push(connection.peer.address)
    echo(connection)
  }
  const { port } = await listen(t, setUp, { hosts: ['127.0.0.1', '::1'] })
  for (const host of ['127.0.0.1', '::1']) {
    const socket = dial(port, host)
    socket.write('hello!')
    t.equal(await readAll(socket), 'hello!')
  }
  t.same(peers, ['127.0.0.1', '::1'])
})

t.test('a port that cannot be had is a Fault that says why, and leaves nothing bound', async (t) => {
  const { port } = await listen(t, echo)
  const again = { name: 'LDAP', hosts: ['::1', '127.0.0.1'], port, onConnection: echo, log: listLog() }
  await t.rejects(
    listenTcp(again),
    new Fault(
      'unavailable',
      `LDAP cannot listen on 127.0.0.1 port ${port}: something else listens there already (EADDRINUSE)`,
    ),
  )
  const free = await listen(t, echo, { hosts: ['::1'], port })
  t.equal(free.port, port)
})

t.test('W16: a handler that throws costs its own connection only', async (t) => {
  const overflow = (): number => overflow() + 1
  const failures: Record<string, (connection: Connection) => void | Promise<void>> = {
    a: () => {
      throw new Error('sync')
    },
    b: async () => {
      await tick()
      throw new Error('rejected')
    },
    c: () => void overflow(),
    d: async () => void overflow(),
    e: (connection) => connection.onClose(() => void overflow()),
    f: (connection) => connection.run(() => Promise.reject(new Error('in work'))),
    g: () => {
      throw null
    },
  }
  const { port, log } = await listen(t, (connection) => {
    connection.onData((bytes) => {
      const failure = failures[bytes.toString()]
      if (failure !== undefined) return failure(connection)
      connection.write(bytes)
    })
  })
  const bystander = dial(port)
  for (const name of Object.keys(failures)) {
    const victim = dial(port)
    victim.write(name)
    if (name === 'e') victim.end()
    t.equal(await readAll(victim), '', name)
  }
  bystander.write('alive')
  t.equal(String((await once(bystander, 'data'))[0]), 'alive')
  bystander.destroy()
  t.equal(
    log.lines.filter((line) => line.startsWith('error a handler failed')).length,
    Object.keys(failures).length,
  )

  for (const onConnection of [failures.a, failures.b, failures.c]) {
    const broken = await listen(t, onConnection as TcpOptions['onConnection'])
    t.equal(await readAll(dial(broken.port).resume()), '', 'thrown while setting up')
    t.equal(broken.connections, 0)
  }
})

t.test('a half-closed client gets the answers that are under way', async (t) => {
  const { port } = await listen(t, (connection) => {
    connection.onData((bytes) => {
      connection.run(async () => {
        for (let i = 0; i < 5; i++) await tick()
        connection.write(Buffer.from(`answer to ${bytes}`))
      })
    })
  })
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  socket.end('question')
  t.equal(await readAll(socket), 'answer to question')
})

t.test('no peer can take all connections', async (t) => {
  const listener = await listen(t, echo, { limits: { maxConnections: 3, maxPerPeer: 2 } })
  const sockets = [dial(listener.port), dial(listener.port)]
  for (const socket of sockets) {
    socket.write('x')
    await once(socket, 'data')
  }
  t.equal(await readAll(dial(listener.port)), '')
  t.equal(listener.connections, 2)
  t.match(listener.log.lines, ['warn connection refused'])
  sockets[0]?.destroy()
  while (listener.connections > 1) await tick()
  const later = dial(listener.port)
  later.write('!')
  t.equal(await readAll(later), '!', 'a place that is free again is given again')
  sockets[1]?.destroy()
})

t.test('silence ends a connection; work under way does not count as silence', async (t) => {
  let finish = () => {}
  const working = new Promise<void>((resolve) => {
    finish = resolve
  })
  const { port } = await listen(
    t,
    (connection) => {
      connection.onData(async () => {
        await working
        connection.write(Buffer.from('done'))
        connection.end()
      })
    },
    { limits: { idleMs: 30 } },
  )
  const busy = dial(port)
  busy.write('x')
  const answer = readAll(busy)
  t.equal(await readAll(dial(port)), '', 'closed for its silence')
  finish()
  t.equal(await answer, 'done')
})

t.test('a peer that does not read is closed before its answers fill the memory', async (t) => {
  let writes = 0
  const { port, log } = await listen(
    t,
    (connection) => {
      connection.onData(() => {
        while (connection.open && !connection.closed && writes < 1000) {
          connection.write(Buffer.alloc(65_536))
          writes++
          if (log.lines.length > 0) break
        }
      })
    },
    { limits: { maxUnsentBytes: 1024 * 1024 } },
  )
  const socket = dial(port)
  socket.pause()
  socket.write('x')
  while (log.lines.length === 0) await tick()
  t.match(log.lines[0], /does not read/)
  t.ok(writes < 1000)
  socket.destroy()
})

t.test('drained lets a large answer through, whatever the limit', async (t) => {
  const { port } = await listen(
    t,
    (connection) => {
      connection.onData(async () => {
        for (let i = 0; i < 100; i++)
          if (!connection.write(Buffer.alloc(65_536, 'x'))) await connection.drained()
        connection.end()
      })
    },
    { limits: { maxUnsentBytes: 200_000 } },
  )
  const socket = dial(port)
  socket.write('x')
  t.equal((await readAll(socket)).length, 6_553_600)
})

t.test('close: farewell, work under way is answered, the rest is cut off', async (t) => {
  let finish = () => {}
  const stuck = new Promise<void>(() => {})
  const listener = await listen(t, (connection) => {
    connection.onStopping(() => void connection.write(Buffer.from('farewell ')))
    connection.onData((bytes) => {
      if (bytes.toString() === 'stuck') return stuck
      return new Promise<void>((resolve) => {
        finish = () => {
          connection.write(Buffer.from('answer'))
          resolve()
        }
      })
    })
  })
  const [idle, busy, hanging] = [dial(listener.port), dial(listener.port), dial(listener.port)]
  busy.write('x')
  hanging.write('stuck')
  while (listener.connections < 3) await tick()
  for (let i = 0; i < 10; i++) await tick()
  const answers = Promise.all([readAll(idle), readAll(busy), readAll(hanging)])
  const closed = listener.close(100)
  busy.write('more')
  await tick()
  finish()
  await closed
  t.same(await answers, ['farewell ', 'farewell answer', 'farewell '])
  t.equal(listener.connections, 0)
  t.equal(listener.close(5), listener.close(5), 'closing twice is closing once')
  t.equal(await readAll(dial(listener.port)), '')
})

// A toy protocol with a StartTLS of its own: "T" asks for TLS, "much" for more than the kernel buffers, anything else is echoed with the state of the channel.
function toy(identity: TlsIdentity, seen: string[]) {
  return (connection: Connection) => {
    const handle = (bytes: Buffer): void | Promise<void> => {
      const text = bytes.toString()
      if (text === 'much') return void connection.write(Buffer.alloc(12_000_000))
      if (!text.startsWith('T')) {
        seen.push(`${connection.encrypted ? 'secret' : 'clear'} ${text}`)
        connection.write(Buffer.from(text))
        return
      }
      return (async () => {
        const go = { context: identity.context(), reply: Buffer.from('go'), undecoded: bytes.length - 1 }
        if (await connection.startTls(go)) connection.onData(handle)
      })()
    }
    connection.onData(handle)
  }
}

t.test('StartTLS', async (t) => {
  const identity = new TlsIdentity(files, listLog())
  const seen: string[] = []
  const { port } = await listen(t, toy(identity, seen))
  const socket = dial(port)
  socket.write('hello')
  await once(socket, 'data')
  socket.write('T')
  t.equal(String((await once(socket, 'data'))[0]), 'go')
  const secure = connectTls({ socket, servername: 'localhost', ca })
  await once(secure, 'secureConnect')
  t.ok(secure.authorized)
  t.match(secure.getProtocol(), 'TLSv1.3')
  secure.write('password')
  t.equal(String((await once(secure, 'data'))[0]), 'password')
  t.same(seen, ['clear hello', 'secret password'])
  secure.write('T')
  secure.write('x')
  secure.destroy()
})

t.test('L04: nothing that came in clear survives StartTLS', async (t) => {
  const identity = new TlsIdentity(files, listLog())
  const seen: string[] = []
  const { port, log } = await listen(t, toy(identity, seen))
  const oneSegment = dial(port)
  oneSegment.write('Tbind')
  t.equal(await readAll(oneSegment), '', 'closed, and not even told to go ahead')
  t.match(log.lines, ['warn plaintext after the request for TLS; closed'])

  const twoSegments = dial(port).setNoDelay()
  await once(twoSegments, 'connect')
  twoSegments.write('T')
  twoSegments.write('bind as somebody')
  t.match(await readAll(twoSegments), /^(go)?[^a-z]*$/, 'closed, with a TLS alert at most')

  const afterwards = dial(port)
  afterwards.write('T')
  await once(afterwards, 'data')
  afterwards.write('bind as somebody')
  t.match(await readAll(afterwards), /^[^a-z]*$/)

  const beforeTheReply = dial(port).setNoDelay().pause()
  let asked = 0
  for (const text of ['much', 'T', 'bind as somebody']) {
    beforeTheReply.write(text)
    asked += text.length
    while (beforeTheReply.bytesWritten < asked || beforeTheReply.writableLength > 0) await tick()
    for (let i = 0; i < 20; i++) await tick()
  }
  t.ok(
    (await readAll(beforeTheReply.resume())).length > 0,
    'what came while the go-ahead was stuck is taken for TLS',
  )
  t.same(seen, [], 'no handler ever saw the bind')
})

t.test('a handshake that never ends is ended; one that fails leaves the others alone', async (t) => {
  const identity = new TlsIdentity(files, listLog())
  const listener = await listen(t, echo, { tls: identity, limits: { handshakeMs: 50 } })
  t.equal(await readAll(dial(listener.port)), '')
  const garbage = dial(listener.port)
  garbage.write('GET / HTTP/1.1\r\n\r\n')
  await readAll(garbage)
  const old = dialTls(listener.port, {
    minVersion: 'TLSv1.1',
    maxVersion: 'TLSv1.1',
    ciphers: 'DEFAULT:@SECLEVEL=0',
  })
  old.on('error', () => {})
  t.equal(await readAll(old), '', 'TLS 1.1 is refused')
  const socket = dialTls(listener.port, { maxVersion: 'TLSv1.2' })
  await once(socket, 'secureConnect')
  socket.write('hello!')
  t.equal(await readAll(socket), 'hello!')
  while (listener.connections > 0) await tick()
})

t.test('TLS from the first byte, half-closed, and a certificate renewed while running', async (t) => {
  const copy = t.testdir({})
  const at = { certificateFile: join(copy, 'c.pem'), keyFile: join(copy, 'k.pem') }
  const put = (from: typeof files) => {
    writeFileSync(at.certificateFile, readFileSync(from.certificateFile))
    writeFileSync(at.keyFile, readFileSync(from.keyFile))
  }
  put(files)
  const log = listLog()
  const identity = new TlsIdentity(at, log)
  const { port } = await listen(t, echo, { tls: identity })
  const serial = async () => {
    const socket = dialTls(port, { rejectUnauthorized: false })
    await once(socket, 'secureConnect')
    const { serialNumber } = socket.getPeerCertificate()
    socket.end('bye')
    t.equal(await readAll(socket), 'bye', 'answered after the half close')
    return serialNumber
  }
  const first = await serial()
  writeFileSync(at.keyFile, 'garbage')
  t.notOk(identity.reload())
  t.equal(await serial(), first, 'a broken file changes nothing')
  put(await ensureCertificate(join(copy, 'other'), []))
  t.ok(identity.reload())
  t.not(await serial(), first)
  t.throws(() => new TlsIdentity({ ...at, keyFile: join(copy, 'absent') }, log), Fault)
})

t.test('W18: the certificate: kept, renewed, and never put over somebody else’s', async (t) => {
  const root = t.testdir({ shop: {} })
  const own = join(root, 'own')
  const day = 86_400_000
  const now = new Date('2027-01-01T00:00:00Z')
  const later = (days: number) => new Date(now.getTime() + days * day)
  const text = (name: string) => readFileSync(join(own, name), 'utf8')
  const made = await ensureCertificate(own, ['acme.example', 'ACME.example', 'no name', '10.1.2.3'], now)
  t.equal(made.origin, 'issued')
  for (const key of ['server-key.pem', 'ca-key.pem'])
    t.equal(statSync(join(own, key)).mode & 0o777, 0o600, key)
  const [server, authority] = [text('server.pem'), text('ca.pem')]

  t.equal((await ensureCertificate(own, ['10.1.2.3', 'acme.example'], later(790))).origin, 'reused')
  t.equal(text('server.pem'), server)
  t.equal(
    (await ensureCertificate(own, ['acme.example', '10.1.2.3'], later(800))).origin,
    'issued',
    '25 days are left',
  )
  t.equal((await ensureCertificate(own, ['acme.example'], now)).origin, 'issued', 'a name is gone')
  t.not(text('server.pem'), server)
  writeFileSync(join(own, 'server-key.pem'), 'half a k')
  t.equal((await ensureCertificate(own, ['acme.example'], now)).origin, 'issued', 'a damaged key')
  t.equal(text('ca.pem'), authority, 'the CA stayed through all of it')
  t.equal((await ensureCertificate(own, ['acme.example'], later(3640))).origin, 'issued')
  t.not(text('ca.pem'), authority, 'until it is about to expire')

  const shop = join(root, 'shop')
  writeFileSync(join(shop, 'server.pem'), foreignCertificate)
  writeFileSync(join(shop, 'server-key.pem'), text('server-key.pem'))
  await t.rejects(ensureCertificate(shop, []), /is not its key/, 'its key is missing')
  writeFileSync(join(shop, 'server-key.pem'), foreignKey)
  t.match(await ensureCertificate(shop, []), { origin: 'given', caFile: null })
  t.equal(readFileSync(join(shop, 'server.pem'), 'utf8'), foreignCertificate)
})

// openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=shop.example
const foreignCertificate = `-----BEGIN CERTIFICATE-----
MIIBhDCCASugAwIBAgIUdb65hcagisjAW2ZTaQkm2pC8GIIwCgYIKoZIzj0EAwIw
FzEVMBMGA1UEAwwMc2hvcC5leGFtcGxlMCAXDTI2MTEyMzIyMTcxOVoYDzIxMjYx
MDMwMjIxNzE5WjAXMRUwEwYDVQQDDAxzaG9wLmV4YW1wbGUwWTATBgcqhkjOPQIB
BggqhkjOPQMBBwNCAARS72j7lY2DHhWudBlmiOQ/syl5lJzeodKKepH9Godav6Le
RXgii/0SQyhYzMTMVbQk07fDlkffKS6zC6snTT6xo1MwUTAdBgNVHQ4EFgQUew3i
yHeG/f7ROLEyYgxMaqy7TO8wHwYDVR0jBBgwFoAUew3iyHeG/f7ROLEyYgxMaqy7
TO8wDwYDVR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNHADBEAiBbiywLD5LzyVe3
N8R+EIUMYkQcaQEj1zr30udGGTd/jQIgTn/8B0NyFqSzDBk0ylBKUkyYTiTcVxL9
433Nw99gKx4=
-----END CERTIFICATE-----
`
const foreignKey = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgkYqsqKemuNgFGs7P
Vicr8q6c4qsWXcX3O05AN28syx2hRANCAARS72j7lY2DHhWudBlmiOQ/syl5lJze
odKKepH9Godav6LeRXgii/0SQyhYzMTMVbQk07fDlkffKS6zC6snTT6x
-----END PRIVATE KEY-----
`
