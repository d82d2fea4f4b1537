// Which releases of Node have the security fixes that Muster relies on. Reads nothing: the caller names the version.

/** By major version, the first release with the fixes of 2026-10-21. */
const firstSafe: Readonly<Record<number, readonly [number, number]>> = { 24: [22, 2], 26: [13, 0] }

/** In words, for advice. */
export const safeNodeReleases = '24.22.2 or 26.13 and later'

/** Is this release of Node (`24.21.0`) older than its line's security fixes, or of a line that does not get any? */
export function lacksSecurityFixes(version: string): boolean {
  const [major = 0, minor = 0, patch = 0] = version.split('.').map(Number)
  if (major > 26) return false
  const safe = firstSafe[major]
  if (safe === undefined) return true
  return minor < safe[0] || (minor === safe[0] && patch < safe[1])
}
