/** Entries of an archive: one for each storage and about six more. */
export const MAX_ENTRIES = 65_536

/** All entries together need some 120 bytes each. */
export const MAX_DIRECTORY_BYTES = 12 * 1024 * 1024

/** A name: the stem of the file and `/data/12345`. */
export const MAX_ENTRY_NAME_BYTES = 1024
