/** The errors without the rest of the package, for threads that need nothing else and start faster so. */

export * from './families.js'
export * from './hfquant-error.js'
