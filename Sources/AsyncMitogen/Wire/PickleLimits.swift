/// The bounds of what is read and written.
enum PickleLimits {
  /// How deep containers may be nested.
  static let depth = 256
  /// How many values may be found in a message whose parts are referred to again and again: this many, or ``expansion``
  /// times its bytes, whichever is more.
  static let expandedValues = 65_536
  static let expansion = 16
  /// The same for the bytes of text and the like that is referred to again and again.
  static let expandedBytes = 1 << 24

  /// How a length is written: in four bytes, of which Python reads some as a number with a sign.
  enum LengthForm: Int {
    case signed = 0x7fff_ffff
    case unsigned = 0xffff_ffff
  }

  /// - Throws: `EncodingError` if there is no room for a length.
  static func checkLength(_ length: Int, _ form: LengthForm, _ limit: Int = .max) throws {
    let longest = min(form.rawValue, limit)
    guard length > longest else { return }
    throw EncodingError.invalidValue(
      length, .init(codingPath: [], debugDescription: "\(length) bytes in one value are more than \(longest)"))
  }

  static func tooDeep(_ value: Any) -> EncodingError {
    .invalidValue(value, .init(codingPath: [], debugDescription: "nested deeper than \(depth)"))
  }
}
