// Every row of a list that is read page by page, in id order.

const rowsPerPage = 1_000

/** For lists that are bounded by what administrators make: bindings, resources, groups. */
export async function allRows<T extends { readonly id: string }>(
  list: (page: { readonly limit: number; readonly after?: string }) => Promise<readonly T[]>,
): Promise<readonly T[]> {
  const rows: T[] = []
  for (let after: string | undefined; ; ) {
    const page = await list({ limit: rowsPerPage, ...(after !== undefined && { after }) })
    rows.push(...page)
    after = page.at(-1)?.id
    if (page.length < rowsPerPage) return rows
  }
}
