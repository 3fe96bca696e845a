internal import CAsyncMitogen
internal import Synchronization

/// Tells one build of a program from another: closures may only cross between processes of the same build.
///
/// The linker's build identifier where there is one. Otherwise a digest of the executable segment's size and of samples
/// all over it: a change of code moves what lies behind it, so the samples differ. Not a protection from forgery, which
/// is not needed: a child that lies about its build only harms itself.
struct ImageIdentity: Hashable, Sendable {
  let text: String

  init(_ text: String) { self.text = text }

  /// The identity in 16 digits, for every call has it.
  var digest: String {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in text.utf8 { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
    return String(hash, radix: 16)
  }

  /// The identity of this process's own program.
  static let own = compute()

  private static func compute() -> ImageIdentity {
    guard let image = Image.own else { return ImageIdentity("unknown") }
    return ImageIdentity(
      buildIdentifier: image.buildIdentifier, codeSize: image.code.count, codeOffset: image.code.lowerBound - image.base
    ) { offset in
      image.word(at: image.code.lowerBound + UInt(offset))
    }
  }

  /// The identity that a process says it has when it runs this file, which holds `bytes`.
  init(_ elf: ELFImage, _ bytes: [UInt8]) {
    guard let code = elf.code else {
      self.init("unknown")
      return
    }
    self.init(
      buildIdentifier: elf.buildIdentifier, codeSize: code.fileRange.count,
      codeOffset: UInt(truncatingIfNeeded: code.address)
    ) { offset in
      let start = code.fileRange.lowerBound + offset
      guard offset >= 0, start + 8 <= code.fileRange.upperBound else { return 0 }
      return bytes[start..<start + 8].reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }
  }

  /// - Parameter word: Eight bytes at an offset in the executable segment; 0 outside of it.
  private init(buildIdentifier: [UInt8]?, codeSize: Int, codeOffset: UInt, word: (Int) -> UInt64) {
    if let buildIdentifier {
      self.init("id-" + ImageIdentity.hexadecimal(buildIdentifier))
      return
    }
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    func mix(_ value: UInt64) {
      hash = (hash ^ value) &* 0x0000_0100_0000_01b3
      hash ^= hash >> 29
    }
    mix(UInt64(codeSize))
    mix(UInt64(codeOffset))
    let samples = 256
    let step = max(64, codeSize / samples) & ~7
    for offset in stride(from: 0, to: codeSize - 64, by: step) {
      for index in 0..<4 { mix(word(offset + index * 8)) }
    }
    self.init("sample-" + String(hash, radix: 16))
  }

  static func hexadecimal(_ bytes: [UInt8]) -> String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }
}

/// This process's own program as it lies in memory.
///
/// Safe: the bounds come from the loader and hold for the life of the process.
struct Image: Sendable {
  let base: UInt
  let code: Range<UInt>
  let buildIdentifier: [UInt8]?

  /// The image that contains this code; nil if the loader does not know it.
  static let own: Image? = {
    var image = unsafe amt_image()
    guard unsafe amt_image_of(#dsohandle, &image) == 1, unsafe image.code_end > image.code_start else { return nil }
    let identifier = unsafe image.build_id.map {
      unsafe Array(UnsafeBufferPointer(start: $0, count: image.build_id_size))
    }
    return unsafe Image(
      base: UInt(image.base), code: UInt(image.code_start)..<UInt(image.code_end), buildIdentifier: identifier)
  }()

  /// Eight bytes of the executable segment, which is readable.
  func word(at address: UInt) -> UInt64 {
    guard address >= code.lowerBound, address + 8 <= code.upperBound,
      let pointer = unsafe UnsafeRawPointer(bitPattern: address)
    else { return 0 }
    return unsafe pointer.loadUnaligned(as: UInt64.self)
  }
}
