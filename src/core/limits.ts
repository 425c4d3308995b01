/** One commit as JSON text in UTF-8 bytes: what is acknowledged on a device must fit every server store. */
export const commitBytesMax = 900_000
/** Events in one commit. */
export const commitEventsMax = 10_000
/** A group of commits written as one row stops growing here (UTF-16 code units of JSON text). */
export const groupTextMax = 600_000
/** Characters of a stream name. */
export const streamNameMax = 512
/** Characters of an event type. */
export const eventTypeMax = 256
/** Tags of one event. */
export const tagsPerEventMax = 32
/** Characters of one tag. */
export const tagLengthMax = 512
/** Characters of a commit id. */
export const commitIdMax = 128
/** Depth of nesting in event data. */
export const dataDepthMax = 200
/** Items in one query. */
export const queryItemsMax = 128
/** Events in one page of a read. */
export const pageEventsMax = 2_000
/** Commits in one push or pull page. */
export const runCommitsMax = 1_000
/** Bytes of JSON text in one push or pull page; one commit may be larger. */
export const runBytesMax = 1_000_000
/** A device further behind than this has to pull before it pushes. */
export const pushLagEventsMax = 10_000
/** A command that was decided so often, and was overtaken each time, becomes a dead letter. */
export const decisionsMax = 250
