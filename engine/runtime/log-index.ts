/**
 * The index beside a raw log: who wrote which bytes, and when.
 *
 * A record is 16 bytes: offset of its first byte in the raw file (6 bytes), stream (2 bytes), nanoseconds since the epoch
 * (8 bytes). It is written BEFORE its bytes are, and they reach to the next record's offset or to the end of the file: so
 * however an engine ends, no byte is without its record, and a record without bytes does no harm.
 */
export const RECORD_BYTES = 16;

export type StreamName = "stdout" | "stderr";

export interface IndexRecord {
  readonly offset: number;
  readonly stream: StreamName;
  readonly timeNs: bigint;
}

export function encodeRecord(record: IndexRecord): Buffer {
  const bytes = Buffer.allocUnsafe(RECORD_BYTES);
  bytes.writeUIntLE(record.offset, 0, 6);
  bytes.writeUInt16LE(record.stream === "stdout" ? 1 : 2, 6);
  bytes.writeBigUInt64LE(record.timeNs, 8);
  return bytes;
}

/** The records in a piece of an index; an unfinished one at its end is left out. */
export function decodeRecords(bytes: Buffer): IndexRecord[] {
  return Array.from({ length: Math.floor(bytes.length / RECORD_BYTES) }, (_, index) => {
    const at = index * RECORD_BYTES;
    return {
      offset: bytes.readUIntLE(at, 6),
      stream: bytes.readUInt16LE(at + 6) === 2 ? "stderr" : "stdout",
      timeNs: bytes.readBigUInt64LE(at + 8),
    };
  });
}
