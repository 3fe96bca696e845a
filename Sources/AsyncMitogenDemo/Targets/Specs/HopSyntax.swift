internal import AsyncMitogen

/// How a method is written as a hop, and what is made of that.
struct HopSyntax: Sendable {
  let argument: HopArgument
  let options: [HopOption]
  /// Makes the connection method from the values of its options.
  let make: @Sendable ([String: [String]]) throws(HopError) -> any ConnectionMethod

  /// - Parameters:
  ///   - argument: What stands behind the colon.
  ///   - fields: The method's own options, beside those that all have.
  ///   - initial: Makes the method as it is without options, from those that it cannot do without.
  init<Method: ConnectionMethod>(
    _ argument: HopArgument, _ fields: [OptionField<Method>],
    initial: @escaping @Sendable (InitialOptions) throws(HopError) -> Method
  ) {
    let fields = fields + OptionField<Method>.common
    self.argument = argument
    options = fields.map(\.option)
    make = { values throws(HopError) in
      var method = try initial(InitialOptions(values: values))
      for field in fields {
        if let values = values[field.option.name] { try field.set(&method, values) }
      }
      return method
    }
  }
}

/// The options without which there is no connection method.
struct InitialOptions {
  fileprivate let values: [String: [String]]

  /// What is given for an option, or nil.
  func optional(_ name: String) throws(HopError) -> String? {
    guard let value = values[name]?.last else { return nil }
    try HopArgument.check(value, name)
    return value
  }

  /// What is given for an option.
  func required(_ name: String) throws(HopError) -> String {
    guard let value = try optional(name) else { throw HopError("there is no \(name)") }
    return value
  }

  /// One of a few values.
  func choice<Value: OptionValue>(_ name: String, as type: Value.Type) throws(HopError) -> Value {
    let text = try required(name)
    guard let value = Value(optionText: text) else {
      throw HopError("\(name): '\(text)' is none of \(Value.expectation)")
    }
    return value
  }
}
