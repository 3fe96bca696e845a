/// How the elements of a receiver or sender become messages, and come back from them.
struct ElementCoder<Element: Sendable>: Sendable {
  /// Writes an element: the payload and how it is to be read.
  var encode: @Sendable (Element) throws -> (MessageEncoding, [UInt8])
  /// Reads an element from a message, which is not dead.
  var decode: @Sendable (Message) throws -> Element
}
