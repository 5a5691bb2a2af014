/** How a model writes calls of functions. */
export type ToolFormat = 'hermes' | 'llama3' | 'mistral'

/** Markers around calls. Some vocabularies have them as special tokens, which a decoder would drop. */
export const TOOL_MARKERS = {
  hermes: ['<tool_call>', '</tool_call>'],
  llama3: ['<|python_tag|>'],
  mistral: ['[TOOL_CALLS]', '[CALL_ID]', '[ARGS]'],
} as const satisfies { readonly [format in ToolFormat]: readonly string[] }

/**
 * The format that a chat template renders calls in; undefined where it is none of these. Qwen's newer format
 * (`<tool_call><function=`) is not offered.
 */
export function findToolFormat(template: string): ToolFormat | undefined {
  if (template.includes('[TOOL_CALLS]')) return 'mistral'
  if (template.includes('<tool_call>')) return template.includes('<function=') ? undefined : 'hermes'
  if (template.includes('<|python_tag|>')) return 'llama3'
  return template.includes('ipython') && template.includes('"parameters"') ? 'llama3' : undefined
}
