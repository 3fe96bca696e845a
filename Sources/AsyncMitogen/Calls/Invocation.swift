internal import CAsyncMitogen
internal import Synchronization

/// What may cross from one context to another.
public typealias Transferable = Codable & Sendable

/// A function that captures nothing, with the types of its arguments and result: it means the same in every process of
/// the same build, so a type's name and an offset in the image are enough to call it there.
protocol AnyInvocation: Sendable {
  /// The invocation whose function has its code at `address` and captures nothing.
  static func make(code address: UInt) -> (any AnyInvocation)?
  /// Calls the function with arguments as they came; returns its result as a payload.
  func invoke(_ arguments: CallArguments) async throws -> [UInt8]
}

struct Invocation<Result: Transferable, each Argument: Transferable>: AnyInvocation {
  let function: @Sendable @concurrent (repeat each Argument) async throws -> Result

  static func make(code address: UInt) -> (any AnyInvocation)? { FunctionValue.make(Self.self, code: address) }

  func invoke(_ arguments: CallArguments) async throws -> [UInt8] {
    var arguments = arguments
    let result = try await function(repeat try arguments.next((each Argument).self))
    return try PickleEncoder().encode(result)
  }
}

/// As ``Invocation``, for functions that return nothing.
struct VoidInvocation<each Argument: Transferable>: AnyInvocation {
  let function: @Sendable @concurrent (repeat each Argument) async throws -> Void

  static func make(code address: UInt) -> (any AnyInvocation)? { FunctionValue.make(Self.self, code: address) }

  func invoke(_ arguments: CallArguments) async throws -> [UInt8] {
    var arguments = arguments
    try await function(repeat try arguments.next((each Argument).self))
    return Pickle.none
  }
}

/// Function values as what they are in memory: the address of code and that of captured values.
///
/// Rests on the layout of function values, which Swift's stable ABI fixes, and on the single stored property of the
/// invocation types. An address is only made a function if it lies in this image and its record names code of this image.
enum FunctionValue {
  /// The offset of the code of an invocation's function in the image.
  ///
  /// - Throws: ``UnsupportedFunctionError`` if it captures something.
  static func offset<Value: Sendable>(of invocation: Value) throws(UnsupportedFunctionError) -> UInt {
    guard MemoryLayout<Value>.size == 2 * MemoryLayout<UInt>.size, let image = Image.own else {
      throw .notSupportedHere
    }
    let (code, captured) = unsafe withUnsafeBytes(of: invocation) { bytes in
      unsafe (
        bytes.loadUnaligned(as: UInt.self), bytes.loadUnaligned(fromByteOffset: MemoryLayout<UInt>.size, as: UInt.self)
      )
    }
    guard captured == 0 else { throw .captures }
    guard code >= image.base else { throw .notSupportedHere }
    return code - image.base
  }

  static func make<Value: Sendable>(_ type: Value.Type, code address: UInt) -> Value? {
    guard MemoryLayout<Value>.size == 2 * MemoryLayout<UInt>.size else { return nil }
    return unsafe withUnsafeBytes(of: (address, UInt(0))) { bytes in unsafe bytes.load(as: Value.self) }
  }

  /// The address of a function's code at an offset in the image; nil if there is none.
  static func codeAddress(offset: UInt) -> UInt? {
    guard let image = Image.own else { return nil }
    let (address, overflow) = image.base.addingReportingOverflow(offset)
    return !overflow && image.code.contains(address) ? address : nil
  }

  /// The address of an asynchronous function at an offset in the image; nil if there can be none.
  ///
  /// What a function value of such a function points to is not code but a constant record in the image: the code's
  /// distance from the record, and how much memory a call needs.
  static func address(offset: UInt) -> UInt? {
    guard let image = Image.own else { return nil }
    let (address, overflow) = image.base.addingReportingOverflow(offset)
    guard !overflow, address % 4 == 0, amt_image_contains(UInt(image.code.lowerBound), address, 8) == 1,
      let pointer = unsafe UnsafeRawPointer(bitPattern: address)
    else { return nil }
    let distance = unsafe pointer.loadUnaligned(as: Int32.self)
    let code = address &+ UInt(bitPattern: Int(distance))
    return image.code.contains(code) ? address : nil
  }
}

/// A function cannot be called in another context.
public struct UnsupportedFunctionError: Error, Sendable, Hashable, CustomStringConvertible {
  /// Why, and what to write instead.
  public let description: String

  static let captures = UnsupportedFunctionError(
    description: "the function captures values of its surroundings, or is a function passed by its name: pass what it "
      + "needs as arguments, call(value) { value in … }, and write { f($0) } for a function f")
  static let notSupportedHere = UnsupportedFunctionError(
    description: "this function is not part of the program's own image, so no other process can find it")
  static func unnamed(_ type: String) -> UnsupportedFunctionError {
    UnsupportedFunctionError(
      description: "an argument or result is of a private or local type, which has no name in another process: make it "
        + "internal and move it out of functions (\(type))")
  }
}

/// The names of invocation types, each looked up once.
final class InvocationCache: Sendable {
  static let shared = InvocationCache()

  private let types = Mutex<[String: any AnyInvocation.Type]>([:])
  /// How many are kept; a hostile parent could otherwise make up names without end.
  private let limit: Int

  init(limit: Int = 65_536) { self.limit = limit }

  /// How many types are known by name.
  var count: Int { types.withLock { $0.count } }

  /// The name by which another process of the same build finds a type.
  func name<Value>(of type: Value.Type) throws(UnsupportedFunctionError) -> String {
    // A name with an address in it, which private and local types have, means nothing elsewhere.
    guard let name = _mangledTypeName(type), !name.utf8.contains(UInt8(ascii: "$")),
      name.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7f })
    else { throw .unnamed(String(describing: type)) }
    return name
  }

  /// The type with a name; nil if this program has none that can be called.
  func type(named name: String) -> (any AnyInvocation.Type)? {
    if let type = types.withLock({ $0[name] }) { return type }
    guard name.utf8.count < 16_384, let type = _typeByName(name) as? any AnyInvocation.Type else { return nil }
    types.withLock { types in
      if types.count < limit { types[name] = type }
    }
    return type
  }
}
