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
    if let identifier = image.buildIdentifier { return ImageIdentity("id-" + hexadecimal(identifier)) }
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    func mix(_ value: UInt64) {
      hash = (hash ^ value) &* 0x0000_0100_0000_01b3
      hash ^= hash >> 29
    }
    mix(UInt64(image.code.count))
    mix(UInt64(image.code.lowerBound - image.base))
    let samples = 256
    let step = max(64, image.code.count / samples) & ~7
    for offset in stride(from: 0, to: image.code.count - 64, by: step) {
      for word in 0..<4 { mix(image.word(at: image.code.lowerBound + UInt(offset + word * 8))) }
    }
    return ImageIdentity("sample-" + String(hash, radix: 16))
  }

  private static func hexadecimal(_ bytes: [UInt8]) -> String {
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
