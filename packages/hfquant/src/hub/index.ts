export { HubError, type HubErrorCode } from './errors.js'
export { type DownloadProgress, type ResolveModelOptions, resolveModel } from './resolve-model.js'
