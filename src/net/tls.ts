// What the server shows of itself over TLS: a certificate and its key, read from files and replaceable while running.
import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createSecureContext, type SecureContext } from 'node:tls'
import type { Log } from '../base/log.ts'
import { Fault } from '../base/result.ts'

export interface TlsFiles {
  /** PEM: the server's certificate, followed by those that lead to its CA. */
  readonly certificateFile: string
  readonly keyFile: string
}

/** Forward secrecy and authenticated encryption only; TLS 1.3 has nothing else. */
const ciphers =
  'TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256:ECDHE+AESGCM:ECDHE+CHACHA20'

export class TlsIdentity {
  readonly #files: TlsFiles
  readonly #log: Log
  #context: SecureContext
  #validTo: Date

  /** Throws Fault('unavailable') where the files are no certificate and its key. */
  constructor(files: TlsFiles, log: Log) {
    this.#files = files
    this.#log = log
    const read = readIdentity(files)
    this.#context = read.context
    this.#validTo = read.validTo
  }

  /** For the next handshake. */
  context(): SecureContext {
    return this.#context
  }

  get validTo(): Date {
    return this.#validTo
  }

  /** Reads the files again for connections to come; false, and the former certificate stays, where they are broken. */
  reload(): boolean {
    try {
      const read = readIdentity(this.#files)
      this.#context = read.context
      this.#validTo = read.validTo
      return true
    } catch (err) {
      this.#log.error({ err }, 'certificate not reloaded; the former one stays in use')
      return false
    }
  }
}

function readIdentity(files: TlsFiles): { context: SecureContext; validTo: Date } {
  try {
    const cert = readFileSync(files.certificateFile)
    const key = readFileSync(files.keyFile)
    const context = createSecureContext({ cert, key, ciphers, honorCipherOrder: true, minVersion: 'TLSv1.2' })
    return { context, validTo: new X509Certificate(cert).validToDate }
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause)
    throw new Fault('unavailable', `no usable certificate in ${files.certificateFile}: ${message}`, { cause })
  }
}
