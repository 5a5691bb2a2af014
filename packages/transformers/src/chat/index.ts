export {
  type AnswerEvent,
  type AnswerReader,
  type ChatAnswer,
  collectAnswer,
  type ToolCall,
} from './answer-event.js'
export { type AnswerFormat, type AnswerFormatSettings, findAnswerFormat } from './answer-format.js'
export { type AnswerReaderOptions, type ChatAnswerReader, createAnswerReader } from './answer-reader.js'
export { ToolsError } from './errors.js'
export { type AnswerPlan, type AnswerRequest, planAnswer, type ToolUse } from './plan-answer.js'
export {
  type AnswerFinish,
  type AnswerReading,
  type AnswerToken,
  type AnswerUsage,
  readAnswer,
} from './read-answer.js'
export {
  beginsInReasoning,
  findReasoning,
  type ReasoningMarkers,
  reasoningVariables,
} from './reasoning.js'
export { findToolFormat, TOOL_MARKERS, type ToolFormat } from './tool-format.js'
export { afterReasoning, type ToolGrammarOptions, toolGrammar } from './tool-grammar.js'
export { checkToolChoice, checkTools, type Tool, type ToolChoice } from './tools.js'
