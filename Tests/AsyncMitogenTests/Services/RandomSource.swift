/// Choices from a seed: what fails names the seed, and fails again.
struct RandomSource {
  private var generator: SplitMix64

  init(_ seed: UInt64) { generator = SplitMix64(state: seed) }

  mutating func below(_ limit: Int) -> Int { Int.random(in: 0..<max(1, limit), using: &generator) }
}
