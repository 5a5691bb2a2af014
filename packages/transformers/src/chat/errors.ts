import { ConfigError } from '@hfquant/core'

/** Tools, or what is said about their choice, are not what they have to be. Codes: TOOLS_INVALID, TOOL_FORMAT_UNKNOWN. */
export class ToolsError extends ConfigError {
  static override readonly family: string = 'hfquant.config.tools'
}
