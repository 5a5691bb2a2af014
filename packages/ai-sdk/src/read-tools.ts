import type { SharedV3Warning } from '@ai-sdk/provider'
import { checkToolChoice, checkTools, type Tool, type ToolChoice, type ToolUse } from 'hfquant'
import type { CallOptions } from './call-options.js'

/**
 * The tools that an answer may call; undefined where it may call none. What is not honoured is told in `warnings`.
 *
 * @param parallel more than one call in an answer.
 * @throws ToolsError naming the tool, or the choice.
 */
export function readTools(
  { tools = [], toolChoice }: Pick<CallOptions, 'tools' | 'toolChoice'>,
  parallel: boolean,
  warnings: SharedV3Warning[],
): ToolUse | undefined {
  const known: Tool[] = []
  for (const tool of tools) {
    if (tool.type === 'provider') {
      const details = 'Tools of a provider run on its servers; a local model has none.'
      warnings.push({ type: 'unsupported', feature: `the tool ${tool.id}`, details })
      continue
    }
    const { name, description, inputSchema: parameters, strict, inputExamples } = tool
    if (inputExamples !== undefined) {
      const details = 'Chat templates show a description and a schema. Write examples into the description.'
      warnings.push({ type: 'unsupported', feature: `inputExamples of the tool ${name}`, details })
    }
    known.push({ type: 'function', function: { name, description, parameters, strict } })
  }
  checkTools(known)
  const choice = choiceOf(toolChoice)
  checkToolChoice(choice, known)
  return known.length === 0 || choice === 'none' ? undefined : { tools: known, choice, parallel }
}

function choiceOf(choice: CallOptions['toolChoice']): ToolChoice {
  if (choice === undefined) return 'auto'
  return choice.type === 'tool' ? { type: 'function', function: { name: choice.toolName } } : choice.type
}
