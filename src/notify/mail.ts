// Mail, by the SMTP server of the configuration. Plain text only; what is sent is decided by those who ask for it.
import nodemailer from 'nodemailer'
import type { Secret } from '../base/secrets.ts'
import type { Mailer } from '../core/ports.ts'

const timeoutMs = 20_000

/** `url`: smtps://user:password@host, or smtp://host:port, where TLS is asked for. `from`: the sender's address. */
export function createMailer(url: Secret, from: string): Mailer {
  const transport = nodemailer.createTransport({
    url: url.reveal(),
    connectionTimeout: timeoutMs,
    greetingTimeout: timeoutMs,
    socketTimeout: timeoutMs,
    // Texts only: nothing of a message names a file or an address to fetch from.
    disableFileAccess: true,
    disableUrlAccess: true,
  })
  return {
    async send({ to, subject, text }) {
      await transport.sendMail({ from, to: [...to], subject, text })
    },
  }
}
