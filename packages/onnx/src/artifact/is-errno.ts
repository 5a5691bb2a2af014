/** True for a failure of the file system, as opposed to one of the program. */
export const isErrno = (cause: unknown): cause is NodeJS.ErrnoException =>
  typeof (cause as NodeJS.ErrnoException | undefined)?.errno === 'number'
