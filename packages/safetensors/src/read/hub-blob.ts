/**
 * True for a file of the download cache of the Hugging Face libraries, which keeps files as `models--<id>/blobs/<digest>`:
 * links to them stand in `snapshots/<revision>` beside, or in a folder into which the libraries were told to download.
 *
 * @param path follows no more links.
 */
export const isHubBlob = (path: string): boolean => HUB_BLOB.test(path)

const HUB_BLOB = /[\\/]models--[^\\/]+[\\/]blobs[\\/]([0-9a-f]{40}|[0-9a-f]{64})$/
