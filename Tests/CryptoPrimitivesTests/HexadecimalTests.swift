import Testing

@testable import CryptoPrimitives

@Suite struct HexadecimalTests {
    @Test func everyByteIsTwoLowerCaseDigits() {
        let all = [UInt8](0...255)
        let text = all.hexadecimal
        #expect(text.count == 512)
        #expect(text.hasPrefix("000102030405060708090a0b0c0d0e0f10"))
        #expect(text.hasSuffix("fdfeff"))
        #expect([UInt8](hexadecimal: text) == all)
        #expect([UInt8](hexadecimal: text.uppercased()) == all)
        #expect(unsafe all.span.bytes.hexadecimal == text)
    }

    @Test func noBytesAreNoDigits() {
        #expect([UInt8]().hexadecimal == "")
        #expect([UInt8](hexadecimal: "") == [])
    }

    @Test(arguments: ["0", "abc", "0x00", "0g", "g0", " 00", "00 ", "0 0", "-1", "+1", "0\n", "é0", "٠٠"])
    func whatIsNotPairsOfDigitsIsRefused(_ text: String) {
        #expect([UInt8](hexadecimal: text) == nil)
    }

    /// Unicode calls these hexadecimal digits too; a key that can be spelled in two ways is one too many.
    @Test(arguments: ["\u{FF10}\u{FF10}", "\u{FF41}\u{FF26}", "0\u{FF11}"])
    func fullWidthDigitsAreRefused(_ text: String) {
        #expect([UInt8](hexadecimal: text) == nil)
    }
}
