export type { ServedModel } from './models/plan-models.js'
export { createServer, type Listening, type Server, type ServerOptions } from './server.js'
export { nameModels } from './settings/name-models.js'
export type { ServerOption, ServerSettings } from './settings/options.js'
export {
  type ResolvedSettings,
  resolveSettings,
  ServerUsageError,
  type SettingSources,
} from './settings/resolve-settings.js'
