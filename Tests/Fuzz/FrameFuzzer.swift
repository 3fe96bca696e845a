/// Feeds whatever the fuzzer makes up to the frame decoder: the first byte says how large the chunks are.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzFrames(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
  guard count > 1 else { return 0 }
  let bytes = Array(UnsafeBufferPointer(start: start, count: count))
  let chunk = Int(bytes[0]) + 1
  func decode(_ size: Int) -> [Message]? {
    var decoder = FrameDecoder(limit: 1 << 16)
    var messages: [Message] = []
    var offset = 1
    while offset < bytes.count {
      let end = min(bytes.count, offset + size)
      guard let decoded = try? decoder.append(Array(bytes[offset..<end])) else { return nil }
      messages += decoded
      offset = end
    }
    return messages
  }
  let (whole, parts) = (decode(bytes.count), decode(chunk))
  // However the bytes are cut, the messages are the same.
  if whole?.count != parts?.count { fatalError("\(whole?.count ?? -1) messages, in chunks \(parts?.count ?? -1)") }
  return 0
}
