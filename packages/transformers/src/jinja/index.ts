export { TemplateFailure } from './failure.js'
export { compileTemplate } from './template.js'
export { trim } from './text/white-space.js'
