// The one way in which a signed token is written (RFC 7515 §7.1): three parts, and nothing around or between their characters. Some
// decoders overlook white space, and one token would have many spellings.
const compact = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/

export const isCompact = (text: unknown): text is string => typeof text === 'string' && compact.test(text)
