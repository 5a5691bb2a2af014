import type { ImportArchitecture } from '@hfquant/models'

export const importArchitecture: ImportArchitecture = async () => undefined
