import { CheckpointError } from '@hfquant/core'

/** What went wrong between here and the hub; each has another next step. */
export type HubErrorCode =
  | 'HUB_NOT_FOUND'
  | 'HUB_UNAUTHORIZED'
  | 'HUB_UNREACHABLE'
  | 'HUB_UNAVAILABLE'
  | 'HUB_TIMEOUT'
  | 'HUB_RESPONSE_INVALID'
  | 'HUB_DOWNLOAD_INTERRUPTED'
  | 'HUB_FILE_CORRUPT'
  | 'HUB_NOT_A_MODEL'
  | 'HUB_SEVERAL_MODELS'
  | 'HUB_NOT_CACHED'

/** A model could not be fetched from the hub or found in its cache. Never carries an access token. */
export class HubError extends CheckpointError {
  static override readonly family: string = 'hfquant.checkpoint.hub'
  declare readonly code: HubErrorCode
}
