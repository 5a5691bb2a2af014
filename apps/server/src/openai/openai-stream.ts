import { dataFrame, EVENT_STREAM, type StreamForm } from '../http/stream-answer.js'

export const OPENAI_STREAM: StreamForm = {
  contentType: EVENT_STREAM,
  keepAliveFrame: ': keep-alive\n\n',
  lastFrame: 'data: [DONE]\n\n',
  frame: dataFrame,
  errorFrame: ({ body }) => dataFrame(body),
}
