// The one place where what a handler throws comes to an end.

/**
 * Runs a handler. What it throws, at once or as a rejection, goes to `failed`; `settled` is called once, after it.
 * Called straight from a socket's event, it catches a stack overflow too: this frame is near the bottom of the stack.
 */
export function guarded(
  work: () => void | Promise<void>,
  failed: (error: unknown) => void,
  settled: () => void = () => {},
): void {
  let outcome: unknown
  try {
    outcome = work()
  } catch (error) {
    failed(error)
  }
  if (outcome instanceof Promise) outcome.catch(failed).finally(settled)
  else settled()
}
