// When something was, in words: nobody has to know in which time zone the server stands.

const [minute, hour, day] = [60, 3600, 86_400]
const format = new Intl.RelativeTimeFormat('en', { numeric: 'always' })
const date = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeZone: 'UTC' })

export function ago(at: Date, now: Date): string {
  const seconds = Math.round((now.getTime() - at.getTime()) / 1000)
  if (seconds < minute) return 'just now'
  if (seconds < hour) return format.format(-Math.floor(seconds / minute), 'minute')
  if (seconds < day) return format.format(-Math.floor(seconds / hour), 'hour')
  if (seconds < 30 * day) return format.format(-Math.floor(seconds / day), 'day')
  return `on ${dayOf(at)}`
}

export const dayOf = (at: Date): string => date.format(at)
