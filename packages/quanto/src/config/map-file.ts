import type { ConfigFile } from '@hfquant/core'

/** Where optimum-quanto keeps what its modules are. */
export const MAP_FILE: ConfigFile = { name: 'quanto_qmap.json', key: 'quanto_qmap' }
