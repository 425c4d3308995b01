/** Between two commits or two events of a part. */
export const lineBreak = ',\n'
/** Between its commits and its events. */
export const listBreak = '],\n\n['
