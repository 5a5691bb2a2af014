/** What is wrong with a pattern; whoever knows the field that holds it makes the error of it. */
export class PatternFault extends Error {
  constructor(
    /** False: Python's `re` takes it, hfquant does not offer it. */
    readonly isInvalid: boolean,
    /** The construct, as a noun phrase. */
    readonly construct: string,
    /** Where it begins, in characters from the start of the pattern. */
    readonly place: number,
  ) {
    super(construct)
  }
}
