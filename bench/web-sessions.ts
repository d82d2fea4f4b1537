// People who signed in to Muster by its pages, as the cookies of their browsers.
import { webUrl } from '../test/support/applications.ts'
import type { RunningMuster } from '../test/support/muster.ts'
import { createVisitor, passSignIn } from '../test/support/web-visitor.ts'
import { password } from './population.ts'

/** The `cookie` headers of so many users, the first of the population. */
export async function openSessions(muster: RunningMuster, count: number): Promise<string[]> {
  const cookies: string[] = []
  for (let number = 0; number < count; number++) {
    const visitor = createVisitor()
    await visitor.visit(`${webUrl(muster)}/o/acme/signin`)
    const shown = await passSignIn(visitor, `u${String(number).padStart(6, '0')}`, password)
    if (shown.alert !== null) throw new Error(`not signed in: ${shown.alert}`)
    cookies.push([...visitor.cookies('localhost')].map(([name, value]) => `${name}=${value}`).join('; '))
  }
  return cookies
}
