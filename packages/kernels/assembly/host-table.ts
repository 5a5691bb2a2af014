// Constants of a call that depend on its parameters: the host writes them here before it calls.

/** Room for 256 numbers of 4 bytes. */
const table: usize = memory.data(1024, 16)

/** Address of the table. */
export function hostTable(): usize {
  return table
}
