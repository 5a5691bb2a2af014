import type { KeyRing } from './auth/api-keys.js'
import type { Lifecycle } from './lifecycle.js'
import type { Metrics } from './metrics/metrics.js'
import type { Registry } from './models/registry.js'
import type { KeyLimits } from './queue/token-limit.js'
import type { ServerSettings } from './settings/options.js'

/** What routes share. */
export interface ServerContext {
  readonly settings: ServerSettings
  readonly registry: Registry
  readonly metrics: Metrics
  readonly limits: KeyLimits
  readonly lifecycle: Lifecycle
  /** As it is now: keys can be read again. */
  keys(): KeyRing
  /** Seconds since 1970 when the server started. */
  readonly created: number
}
