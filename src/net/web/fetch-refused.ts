// Why a guarded fetch gave nothing. The message is for administrators and logs: it names addresses inside the house, so it is not
// for whoever gave the URL.

export type FetchRefusal =
  | 'url'
  | 'scheme'
  | 'credentials'
  | 'name'
  | 'address'
  | 'timeout'
  | 'too-large'
  | 'encoding'
  | 'connection'

export class FetchRefused extends Error {
  readonly reason: FetchRefusal
  constructor(reason: FetchRefusal, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'FetchRefused'
    this.reason = reason
  }
}
