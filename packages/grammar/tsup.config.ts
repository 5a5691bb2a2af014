import { library } from '../../tools/tsup.base.js'

export default library({ entry: { index: 'src/index.ts', matcher: 'src/matcher.ts' } })
