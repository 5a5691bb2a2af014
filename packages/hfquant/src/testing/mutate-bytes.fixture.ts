import fc from 'fast-check'

export interface Edit {
  readonly at: number
  readonly remove: number
  readonly insert: readonly number[]
}

/** Bytes that mean something to the formats are more interesting than others. */
const interesting = [...Buffer.from('(.0BCGIJKLMNQRX]abcdehjqrstu}{"[]:,-0129e\x00\x01\x80\xff', 'latin1')]
const edit = fc.record<Edit>({
  at: fc.nat(2 ** 24),
  remove: fc.constantFrom(0, 0, 1, 1, 1, 2, 8, 100),
  insert: fc.array(fc.oneof(fc.constantFrom(...interesting), fc.nat(255)), { maxLength: 8 }),
})
export const edits = fc.array(edit, { minLength: 1, maxLength: 4 })

/** The bytes with edits in one of some regions, [start, end) each. */
export function mutateBytes(
  bytes: Buffer,
  changes: readonly Edit[],
  regions: readonly (readonly [number, number])[],
): Buffer {
  let mutated = bytes
  for (const { at, remove, insert } of changes) {
    const [start, end] = regions[at % regions.length]!
    const position = start + (at % (end - start))
    mutated = Buffer.concat([
      mutated.subarray(0, position),
      Buffer.from(insert),
      mutated.subarray(position + remove),
    ])
  }
  return mutated
}
