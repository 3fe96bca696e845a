/// What an executable file says of itself: which machine it is for, and what it needs there.
///
/// Pure, and safe with any bytes: every offset in the file is checked before it is followed.
struct ELFImage: Sendable, Hashable {
  let machine: ELFMachine
  /// The program that loads it, such as `/lib64/ld-linux-x86-64.so.2`; nil if it needs none.
  let interpreter: String?
  /// The shared libraries that it names.
  let neededLibraries: [String]
  let buildIdentifier: [UInt8]?
  /// If it unpacks itself, where in the file that begins which is unpacked: the part before it runs without the rest.
  let packedStart: Int?
  /// Where the executable segment is to be loaded, and where it is in the file.
  let code: Segment?

  struct Segment: Sendable, Hashable {
    let address: UInt64
    let fileRange: Range<Int>
  }

  /// Whether it may lie anywhere in memory and is not started as a program.
  let isShared: Bool

  /// Whether all is in the file that is to be loaded from it.
  let isWhole: Bool

  /// Whether it runs without anything else.
  var isStatic: Bool { interpreter == nil && neededLibraries.isEmpty }

  /// Reads the headers; nil if this is no executable file.
  init?(_ bytes: [UInt8]) {
    guard bytes.count >= 52, bytes.starts(with: [0x7f, 0x45, 0x4c, 0x46]), (1...2).contains(bytes[4]),
      (1...2).contains(bytes[5])
    else { return nil }
    let reader = Reader(bytes: bytes, isWide: bytes[4] == 2, isLittle: bytes[5] == 1)
    guard let type = reader.number(at: 16, 2), type == 2 || type == 3, let machine = reader.number(at: 18, 2),
      let segments = reader.segments()
    else { return nil }
    self.machine = ELFMachine(
      number: UInt16(truncatingIfNeeded: machine), is64Bit: reader.isWide, isLittleEndian: reader.isLittle)
    interpreter = segments.first { $0.type == 3 }.flatMap { reader.text(in: $0.file, limit: 4_096) }
    isWhole = reader.number(at: reader.isWide ? 56 : 44, 2) == UInt64(segments.count)
    isShared = type == 3 && interpreter == nil
    neededLibraries = reader.neededLibraries(segments)
    let notes = segments.filter { $0.type == 4 }.map(\.file)
    buildIdentifier = notes.lazy.compactMap { reader.note("GNU", 3, in: $0) }.first.map { Array(bytes[$0]) }
    // See CAsyncMitogenPack/Stub/Packed.ld.
    let note = notes.lazy.compactMap { reader.note("AMT", 1, in: $0) }.first { $0.count == 8 }
    let start = note.flatMap { reader.number(at: $0.lowerBound, 8) }
    packedStart = start.flatMap { $0 > 0 && $0 < UInt64(bytes.count) ? Int($0) : nil }
    code = segments.last { $0.type == 1 && $0.flags & 1 == 1 }.map {
      Segment(address: $0.address, fileRange: $0.file)
    }
  }
}

/// Reads numbers and tables of an executable file; nil for what is not in it.
private struct Reader {
  let bytes: [UInt8]
  let isWide: Bool
  let isLittle: Bool

  struct ProgramHeader {
    var type: UInt64
    var flags: UInt64
    var address: UInt64
    var file: Range<Int>
  }

  func number(at offset: Int, _ size: Int) -> UInt64? {
    guard offset >= 0, offset <= bytes.count - size else { return nil }
    let slice = bytes[offset..<offset + size]
    return isLittle ? slice.reversed().reduce(0) { $0 << 8 | UInt64($1) } : slice.reduce(0) { $0 << 8 | UInt64($1) }
  }

  /// A number as large as an address.
  func word(at offset: Int) -> UInt64? { number(at: offset, isWide ? 8 : 4) }

  /// A part of the file; nil if it is not all there.
  func range(_ start: UInt64, _ count: UInt64) -> Range<Int>? {
    guard start <= UInt64(bytes.count), count <= UInt64(bytes.count) - start else { return nil }
    return Int(start)..<Int(start + count)
  }

  func segments() -> [ProgramHeader]? {
    guard let table = word(at: isWide ? 32 : 28), let size = number(at: isWide ? 54 : 42, 2),
      let count = number(at: isWide ? 56 : 44, 2), size >= (isWide ? 56 : 32), count < 0xffff,
      let all = range(table, size * count)
    else { return nil }
    return (0..<Int(count)).compactMap { index in
      let header = all.lowerBound + index * Int(size)
      guard let type = number(at: header, 4), let flags = number(at: header + (isWide ? 4 : 24), 4),
        let offset = word(at: header + (isWide ? 8 : 4)), let address = word(at: header + (isWide ? 16 : 8)),
        let count = word(at: header + (isWide ? 32 : 16)), let file = range(offset, count)
      else { return nil }
      return ProgramHeader(type: type, flags: flags, address: address, file: file)
    }
  }

  /// The text up to a zero, if it is text.
  func text(in file: Range<Int>, limit: Int) -> String? {
    let content = bytes[file].prefix(limit).prefix { $0 != 0 }
    guard !content.isEmpty, content.count < limit else { return nil }
    return String(decoding: content, as: UTF8.self)
  }

  func neededLibraries(_ segments: [ProgramHeader]) -> [String] {
    guard let dynamic = segments.first(where: { $0.type == 2 }) else { return [] }
    let size = isWide ? 8 : 4
    var names: [UInt64] = []
    var table: UInt64?
    for entry in stride(from: dynamic.file.lowerBound, to: dynamic.file.upperBound - 2 * size + 1, by: 2 * size) {
      guard let tag = word(at: entry), let value = word(at: entry + size), tag != 0 else { break }
      // More than any program needs is not a program's.
      if tag == 1, names.count < 1_024 { names.append(value) }
      if tag == 5 { table = value }
    }
    guard let table, let start = fileOffset(of: table, segments) else { return [] }
    return names.compactMap { name in
      guard name <= UInt64(bytes.count), let place = range(UInt64(start) + name, 1) else { return nil }
      return text(in: place.lowerBound..<bytes.count, limit: 4_096)
    }
  }

  private func fileOffset(of address: UInt64, _ segments: [ProgramHeader]) -> Int? {
    for segment in segments where segment.type == 1 && address >= segment.address {
      if address - segment.address < UInt64(segment.file.count) {
        return segment.file.lowerBound + Int(address - segment.address)
      }
    }
    return nil
  }

  /// Where the content of a note is, among the notes of a segment.
  func note(_ name: String, _ wanted: UInt64, in notes: Range<Int>) -> Range<Int>? {
    var next = notes.lowerBound
    while next + 12 <= notes.upperBound {
      guard let nameSize = number(at: next, 4), let size = number(at: next + 4, 4), let type = number(at: next + 8, 4),
        nameSize <= UInt64(notes.count), size <= UInt64(notes.count)
      else { return nil }
      let start = next + 12 + (Int(nameSize) + 3) & ~3
      guard start + Int(size) <= notes.upperBound else { return nil }
      if type == wanted, bytes[(next + 12)...].starts(with: name.utf8), nameSize == UInt64(name.utf8.count + 1) {
        return start..<start + Int(size)
      }
      next = start + (Int(size) + 3) & ~3
    }
    return nil
  }
}
