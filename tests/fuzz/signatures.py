"""Which functions are tried with which arguments.

One line is `functions | arguments | result`. Functions are names, or one template with $1, $2 for
operators. Arguments and results are categories of types (see `values.CATEGORIES`), the letters T and V
for one category chosen per call, `[X]` for an array, `{K:X}` for a map, `X...` for one to three
of them, `X?` for one that may be missing, `a,b>X` for a lambda of a and b, and names of constants
(`values.CONSTANTS`). The same function may stand on several lines.
"""

SCALAR = {
    "arithmetic": """
plus minus multiply | Num Num | Num
($1 + $2) | Int Int | Int
($1 - $2) | Num Num | Num
($1 * $2) | Num Num | Num
($1 / $2) | Num Num | Float
($1 % $2) | Num Num | Num
divide divideOrNull | Num Num | Float
modulo positiveModulo moduloOrNull positiveModuloOrNull moduloOrZero | Num Num | Num
intDiv intDivOrZero intDivOrNull | Num Num | Int
gcd lcm | SInt SInt | Int
negate abs | Num | Num
(- $1) | Num | Num
sign | Num | Int
plus minus | Dec Dec | Dec
multiply divide | Dec SInt | Dec
plus minus | Date small | Date
plus minus | DT small | DT
minus | Date Date | Int
minus | DT DT | Int
plus minus | DT64 small | DT64
least greatest min2 max2 | Num Num | Num
least greatest | Str Str | Str
least greatest | When When | When
""",
    "comparison": """
equals notEquals less greater lessOrEquals greaterOrEquals isDistinctFrom isNotDistinctFrom | T T | Bool
equals notEquals less greater lessOrEquals greaterOrEquals | Num Num | Bool
equals less greater | When When | Bool
equals less greaterOrEquals | [T] [T] | Bool
($1 = $2) | T T | Bool
($1 != $2) | T T | Bool
($1 < $2) | T T | Bool
($1 >= $2) | Num Num | Bool
($1 <=> $2) | T T | Bool
($1 BETWEEN $2 AND $3) | T T T | Bool
($1 NOT BETWEEN $2 AND $3) | Num Num Num | Bool
($1 IN ($2, $3)) | T lit:T lit:T | Bool
($1 NOT IN ($2, $3, $4)) | T lit:T lit:T lit:T | Bool
($1 = $2) | Date datelit | Bool
($1 >= $2) | DT datelit | Bool
($1 < $2) | DT64 datelit | Bool
($1 = $2) | Enum enumlit | Bool
""",
    "logic": """
and or xor | Bool Bool | Bool
and or | Bool Bool Bool | Bool
not | Bool | Bool
($1 AND $2) | Bool Bool | Bool
($1 OR $2) | Bool Bool | Bool
(NOT $1) | Bool | Bool
and or xor | Num Num | Bool
""",
    "conditional": """
if | Bool T T | T
if | Bool Num Num | Num
multiIf | Bool T Bool T T | T
ifNull | T T | T
nullIf | T T | T
coalesce | T T T | T
($1 ? $2 : $3) | Bool T T | T
(CASE WHEN $1 THEN $2 ELSE $3 END) | Bool T T | T
(CASE WHEN $1 THEN $2 WHEN $3 THEN $4 END) | Bool T Bool T | T
(CASE $1 WHEN $2 THEN $3 ELSE $4 END) | V lit:V T T | T
isNull isNotNull isZeroOrNull | Num | Bool
isNull isNotNull | T | Bool
($1 IS NULL) | T | Bool
($1 IS NOT NULL) | T | Bool
toNullable identity materialize | T | T
firstNonDefault | Num Num | Num
clamp | Num Num Num | Num
isNaN isFinite isInfinite | Num | Bool
ifNotFinite | Float Float | Float
transform | SInt lit:[SInt] lit:[SInt] lit:SInt | Int
transform | Str lit:[Str] lit:[Str] lit:Str | Str
toTypeName | T | Str
isNullable | T | Bool
defaultValueOfArgumentType | T | T
""",
    "strings": """
length lengthUTF8 ascii | Str | Int
empty notEmpty isValidUTF8 isValidASCII | Str | Bool
lower upper lowerUTF8 upperUTF8 initcap initcapUTF8 reverse reverseUTF8 toValidUTF8 | Str | Str
lower upper reverse trimLeft hex | Fix | Str
length | Fix | Int
concat | Str Str | Str
concat | Any Any | Str
($1 || $2) | Str Str | Str
concatWithSeparator | sep Str Str | Str
substring substringUTF8 | Str neg small | Str
substring substringUTF8 | Str neg | Str
substring | Fix neg small | Str
left right leftUTF8 rightUTF8 | Str neg | Str
leftPad rightPad leftPadUTF8 rightPadUTF8 | Str small chr | Str
leftPad rightPad | Str small | Str
repeat | Str small | Str
space | small | Str
position positionCaseInsensitive positionUTF8 positionCaseInsensitiveUTF8 | Str needle | Int
position locate | Str Str | Int
countSubstrings countSubstringsCaseInsensitive countSubstringsCaseInsensitiveUTF8 | Str needle | Int
startsWith endsWith startsWithUTF8 endsWithUTF8 startsWithCaseInsensitive endsWithCaseInsensitive startsWithCaseInsensitiveUTF8 endsWithCaseInsensitiveUTF8 | Str Str | Bool
($1 LIKE $2) | Str like | Bool
($1 NOT LIKE $2) | Str like | Bool
($1 ILIKE $2) | Str like | Bool
like ilike notLike notILike | Str like | Bool
match | Str re | Bool
countMatches countMatchesCaseInsensitive | Str re | Int
extract regexpExtract | Str re | Str
extractAll | Str re | [Str]
extractGroups | Str regroup | [Str]
replaceAll replaceOne | Str needle Str | Str
replaceRegexpAll replaceRegexpOne | Str re rerepl | Str
regexpQuoteMeta encodeXMLComponent decodeXMLComponent | Str | Str
translate translateUTF8 | Str abc xyz | Str
trimLeft trimRight trimBoth | Str | Str
trimBoth | Str chr | Str
splitByChar | chr Str | [Str]
splitByChar | chr Str small | [Str]
splitByString | sep Str | [Str]
splitByRegexp | re Str | [Str]
splitByWhitespace splitByNonAlpha alphaTokens tokens | Str | [Str]
ngrams | Str pos | [Str]
arrayStringConcat | [Str] sep? | Str
format | pattern Str Str | Str
substringIndex substringIndexUTF8 | Str chr neg | Str
overlay overlayUTF8 | Str Str neg small | Str
appendTrailingCharIfAbsent | Str chr | Str
firstLine soundex | Str | Str
hasToken hasTokenCaseInsensitive | Str word | Bool
hasSubsequence hasSubsequenceCaseInsensitive hasSubsequenceUTF8 | Str needle | Bool
multiSearchAny multiSearchFirstIndex multiSearchFirstPosition multiSearchAnyCaseInsensitive multiSearchAnyUTF8 | Str needles | Int
multiSearchAllPositions multiSearchAllPositionsCaseInsensitive multiSearchAllPositionsUTF8 | Str needles | [Int]
multiMatchAny multiMatchAnyIndex | Str res | Int
editDistance damerauLevenshteinDistance byteHammingDistance editDistanceUTF8 | Str Str | Int
stringJaccardIndex | Str Str | Float
jaroSimilarity(concat('a', $1), concat('b', $2)) | Str Str | Float
jaroWinklerSimilarity(concat('a', $1), concat('b', $2)) | Str Str | Float
ngramDistance ngramSearch ngramDistanceCaseInsensitive | Str needle | Float
hex bin base64Encode base64URLEncode base58Encode base32Encode | Str | Str
unhex unbin tryBase64Decode tryBase64URLDecode tryBase58Decode tryBase32Decode | Str | Str
base64Decode | base64 | Str
char | pos pos | Str
normalizeUTF8NFC normalizeUTF8NFD normalizeUTF8NFKC normalizeUTF8NFKD | Str | Str
extractKeyValuePairs | Str | {Str:Str}
formatReadableSize formatReadableDecimalSize formatReadableQuantity formatReadableTimeDelta | Num | Str
bar | SInt 0 50 small | Str
reverseBySeparator | Str sep | Str
""",
    "dates": """
toYear toMonth toDayOfMonth toDayOfYear toDayOfWeek toQuarter toISOYear toISOWeek toYYYYMM toYYYYMMDD toYYYYMMDDhhmmss toWeek toYearWeek toDaysSinceYearZero toModifiedJulianDay | When | Int
toHour toMinute toSecond | Time | Int
toMillisecond | DT64 | Int
toStartOfYear toStartOfISOYear toStartOfQuarter toStartOfMonth toMonday toLastDayOfMonth toStartOfWeek toLastDayOfWeek | When | Date
toStartOfWeek toWeek toYearWeek | When mode | Date
toStartOfDay toStartOfHour toStartOfMinute toStartOfFiveMinutes toStartOfTenMinutes toStartOfFifteenMinutes | Time | DT
timeSlot | DT | DT
toStartOfDay | Date | DT
toStartOfSecond toStartOfMillisecond toStartOfMicrosecond | DT64 | DT64
toRelativeYearNum toRelativeQuarterNum toRelativeMonthNum toRelativeWeekNum toRelativeDayNum | When | Int
toRelativeHourNum toRelativeMinuteNum toRelativeSecondNum | Time | Int
addDays addWeeks addMonths addQuarters addYears subtractDays subtractWeeks subtractMonths subtractQuarters subtractYears | When neg | When
addHours addMinutes addSeconds subtractHours subtractMinutes subtractSeconds | Time neg | DT
addMilliseconds addMicroseconds subtractMilliseconds | DT64 neg | DT64
addDays addMonths | Date SInt | Date
($1 + $2) | When interval | When
($1 - $2) | When interval | When
dateDiff age | unit When When | Int
dateDiff | unit DT DT | Int
dateTrunc | unit When | When
toStartOfInterval | When bigint | When
dateName | unit When | Str
monthName | When | Str
formatDateTime | When fmt | Str
formatDateTime | DT fmt tz | Str
toTimeZone | Time tz | DT
timeZoneOf | DT | Str
timeZoneOffset | DT | Int
toUTCTimestamp fromUTCTimestamp | DT tz | DT
toUnixTimestamp | DT | Int
toUnixTimestamp64Milli toUnixTimestamp64Micro toUnixTimestamp64Second | DT64 | Int
fromUnixTimestamp | SInt | DT
fromUnixTimestamp64Milli fromUnixTimestamp64Micro fromUnixTimestamp64Second | Int64 | DT64
makeDate makeDate32 | year SInt SInt | Date
makeDateTime | year pos pos small small small | DT
makeDateTime64 | year pos pos small small small | DT64
YYYYMMDDToDate YYYYMMDDToDate32 | ymd | Date
fromDaysSinceYearZero | daynumber | Date
fromModifiedJulianDay | SInt | Str
toDate toDate32 toDateTime | When | When
toDate | DT tz? | Date
toDateTime | When tz | DT
toDateTime64 | When scale tz? | DT64
parseDateTimeBestEffortOrNull parseDateTimeBestEffortOrZero | DateStr | DT
parseDateTime64BestEffortOrNull | DateStr scale | DT64
toDateOrNull toDateOrZero toDate32OrNull toDateTimeOrNull toDateTimeOrZero | DateStr | When
parseDateTimeOrNull | DateStr '%Y-%m-%d' | DT
toDayOfWeek | When mode | Int
timeSlots | DT UInt32 | [DT]
toHour toMinute toDate | DT tz | Int
""",
    "arrays": """
length notEmpty empty | [T] | Int
array | T T | [T]
[$1, $2] | T T | [T]
arrayElement arrayElementOrNull | [T] neg | T
$1[$2] | [T] neg | T
has indexOf countEqual | [T] T | Int
hasAll hasAny hasSubstr | [T] [T] | Bool
arrayConcat arrayExcept | [T] [T] | [T]
arraySort(arrayIntersect($1,$2)) | [T] [T] | [T]
arraySort(arrayUnion($1,$2)) | [T] [T] | [T]
arraySort(arraySymmetricDifference($1,$2)) | [T] [T] | [T]
arrayReverse arrayDistinct arrayCompact arraySort arrayReverseSort arrayPopBack arrayPopFront | [T] | [T]
arrayPartialSort arrayPartialReverseSort | 9 [T] | [T]
arrayPushBack arrayPushFront arrayRemove | [T] T | [T]
arrayResize | [T] small T? | [T]
arraySlice | [T] neg small? | [T]
arrayRotateLeft arrayRotateRight | [T] neg | [T]
arrayShiftLeft arrayShiftRight | [T] neg T? | [T]
arrayUniq | [T] | Int
arrayUniq | [T] [V] | Int
arrayEnumerate arrayEnumerateUniq arrayEnumerateDense | [T] | [Int]
arraySum arrayProduct arrayAvg arrayMin arrayMax | [SInt] | Num
arrayMin arrayMax | [T] | T
arrayCumSum arrayCumSumNonNegative arrayDifference | [SInt] | [Int]
arrayWithConstant | small T | [T]
arrayFlatten | [[T]] | [T]
arrayZip | [T] [T] | Tuples
arrayShingles | [T] pos | [[T]]
arrayJaccardIndex | [SInt] [SInt] | Float
range | small | [Int]
range | small neg pos | [Int]
emptyArrayToSingle | [T] | [T]
arrayDotProduct L2Distance L1Distance LinfDistance cosineDistance | [Small] [Small] | Float
L1Norm L2Norm LinfNorm L2SquaredNorm | [Small] | Float
""",
    "lambdas": """
arrayMap | x:T>V [T] | [V]
arrayMap | x:T,y:V>T [T] [V] | [T]
arrayFilter arrayFill arrayReverseFill | x:T>Bool [T] | [T]
arraySplit arrayReverseSplit | x:T>Bool [T] | [[T]]
arrayCount arrayFirstIndex arrayLastIndex | x:T>Bool [T] | Int
arrayExists arrayAll | x:T>Bool [T] | Bool
arrayFirst arrayLast arrayFirstOrNull arrayLastOrNull | x:T>Bool [T] | T
arraySum arrayAvg arrayMin arrayMax | x:T>SInt [T] | Num
arraySort arrayReverseSort | x:T>SInt [T] | [T]
arrayFold | acc:Int,x:SInt>Int [SInt] int64lit | Int
arrayCumSum | x:T>SInt [T] | [Int]
mapFilter | k:Str,v:T>Bool {Str:T} | {Str:T}
mapExists mapAll | k:Str,v:T>Bool {Str:T} | Bool
mapSort mapReverseSort | k:Str,v:T>T {Str:T} | {Str:T}
""",
    "maps": """
mapKeys | {Str:T} | [Str]
mapValues | {Str:T} | [T]
length | {Str:T} | Int
mapContainsKey($1, ifNull($2, 'q')) | {Str:Str} Str | Bool
mapContainsValue($1, ifNull($2, 'q')) | {Str:Str} Str | Bool
mapContainsKeyLike mapContainsValueLike | {Str:Str} like | Bool
$1[$2] | {Str:T} Str | T
mapAdd mapSubtract | {Str:UInt64} {Str:UInt64} | {Str:Int}
mapUpdate mapConcat | {Str:T} {Str:T} | {Str:T}
mapFromArrays | lit:[Str] lit:[Str] | {Str:Str}
map | needle T | {Str:T}
mapSort | {Str:T} | {Str:T}
mapExtractKeyLike | {Str:T} like | {Str:T}
""",
    "tuples": """
tuple | T V | Tup
($1, $2) | T V | Tup
tupleElement | Tup 1 | Any
$1.1 | Tup | Any
$1.2 | Tup | Any
tupleConcat | Tup Tup | Tup
(($1, $2) = ($3, $4)) | T V T V | Bool
(($1, $2) < ($3, $4)) | T V T V | Bool
tupleHammingDistance | Tup Tup | Int
""",
    "conversion": """
toInt8 toInt16 toInt32 toInt64 toInt128 toUInt8 toUInt16 toUInt32 toUInt64 toUInt128 | Num | Int
toInt32 toUInt8 toInt64 toUInt64 | NumStr | Int
toInt8OrZero toInt16OrNull toInt32OrZero toInt64OrNull toInt128OrNull toUInt8OrNull toUInt16OrZero toUInt32OrNull toUInt64OrZero toUInt128OrZero | Str | Int
toInt8OrNull toInt64OrZero toUInt32OrZero toUInt64OrNull | NumStr | Int
toFloat32 toFloat64 | Num | Float
toFloat32OrNull toFloat64OrNull toFloat64OrZero | NumStr | Float
toFloat64OrNull toFloat32OrZero | Str | Float
toDecimal32 toDecimal64 toDecimal128 | SInt smallscale | Dec
toDecimal64 toDecimal128 | Dec smallscale | Dec
toDecimal32OrNull toDecimal64OrNull toDecimal128OrZero toDecimal64OrZero | NumStr smallscale | Dec
toDecimal64 | MildFloat smallscale | Dec
toBool | Num | Bool
toString | Any | Str
toFixedString | needle 8 | Fix
toLowCardinality | Str | Str
toDate toDateTime | SInt | When
toUnixTimestamp | DT64 | Int
toInt32 toUInt16 toInt64 toUInt32 toFloat64 | When | Int
toUUIDOrNull toUUIDOrZero | Str | UUID
toUUID | uuidlit | UUID
toIPv4OrNull toIPv4OrZero toIPv4OrDefault | Str | IP4
toIPv6OrNull toIPv6OrZero | Str | IP6
toIPv4 | iplit | IP4
toIPv6 | iplit | IP6
IPv4ToIPv6 | IP4 | IP6
IPv4NumToString IPv4NumToStringClassC | UInt32 | Str
IPv4StringToNumOrNull IPv4StringToNumOrDefault | Str | Int
isIPv4String isIPv6String | Str | Bool
isIPAddressInRange | iplit cidr | Bool
IPv4CIDRToRange | IP4 small | Tup
accurateCastOrNull accurateCastOrDefault | Num numtype | Num
accurateCastOrNull | Str anytype | Any
CAST | Num numtype | Num
CAST | Num strtype | Str
CAST | Any strtype | Str
CAST($1 AS Nullable(Int64)) | Num | Int
CAST($1 AS Array(String)) | [T] | [Str]
CAST($1 AS Array(Nullable(Float64))) | [Num] | [Float]
$1::Int64 | Num | Int
$1::String | Any | Str
$1::Nullable(String) | Any | Str
CAST | Enum numtype | Int
reinterpretAsUInt8 reinterpretAsInt32 reinterpretAsUInt64 reinterpretAsInt128 | Num | Int
reinterpretAsUInt32 reinterpretAsInt64 | Str | Int
reinterpretAsString | Num | Str
reinterpretAsFloat64 | Int | Float
toJSONString | Any | Str
byteSwap | Int | Int
hex bin | Num | Str
hex | When | Str
hex | UUID | Str
parseReadableSizeOrNull parseReadableSizeOrZero | Str | Int
UUIDStringToNum | uuidlit | Fix
""",
    "hash": """
cityHash64 sipHash64 murmurHash2_32 murmurHash2_64 murmurHash3_32 murmurHash3_64 xxHash32 xxHash64 xxh3 halfMD5 gccMurmurHash | Str | UInt64
cityHash64 sipHash64 murmurHash2_64 murmurHash3_64 xxHash64 xxHash32 murmurHash3_32 | Any Any | UInt64
cityHash64 sipHash64 xxh3 halfMD5 | T | UInt64
javaHash hiveHash CRC32 CRC32IEEE CRC64 URLHash | Str | Int
javaHash | Int64 | Int
intHash32 intHash64 | Int64 | Int
MD5 SHA1 SHA224 SHA256 SHA384 SHA512 sipHash128 murmurHash3_128 | Str | Fix
cityHash64 | [T] | UInt64
""",
    "bits": """
bitAnd bitOr bitXor bitHammingDistance | Int Int | Int
bitNot bitCount | Int | Int
bitShiftLeft bitShiftRight bitRotateLeft bitRotateRight | UInt32 small | Int
bitShiftLeft bitShiftRight | Int64 small | Int
bitShiftLeft bitShiftRight | Str small | Tuples
bitTest | UInt64 small | Int
bitTestAll bitTestAny | UInt64 small pos | Int
""",
    "rounding": """
round floor ceil trunc roundBankers | Num prec? | Num
round floor ceil trunc | Dec prec | Dec
round roundBankers | Float prec | Float
roundToExp2 roundDuration roundAge | SInt | Int
sqrt cbrt exp exp2 exp10 log log2 log10 log1p | Small | Float
sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh erf erfc sigmoid degrees radians | Small | Float
lgamma tgamma | pos | Float
pow atan2 hypot | Small Small | Float
intExp2 intExp10 | small | Int
factorial | small | Int
widthBucket | SInt -5 50 pos | Int
""",
    "json": """
JSONExtractString JSONExtractRaw | Json key... | Str
JSONExtractInt JSONExtractUInt JSONLength | Json key... | Int
JSONExtractFloat | Json key | Float
JSONExtractBool JSONHas | Json key... | Bool
JSONType | Json key? | Str
isValidJSON | Json | Bool
JSONExtractKeys | Json | [Str]
JSONExtractArrayRaw | Json key? | [Str]
JSONExtract | Json key jtype | Any
JSONKey | Json neg | Str
JSONArrayLength | Json | Int
JSONExtractKeysAndValuesRaw | Json | Tuples
JSON_VALUE JSON_QUERY JSON_EXISTS | Json jpath | Str
simpleJSONExtractString simpleJSONExtractRaw | Json skey | Str
simpleJSONExtractInt simpleJSONExtractUInt simpleJSONHas simpleJSONExtractBool | Json skey | Int
simpleJSONExtractFloat | Json skey | Float
JSONExtractStringCaseInsensitive JSONExtractIntCaseInsensitive | Json skey | Any
""",
    "url": """
protocol domain domainWithoutWWW topLevelDomain firstSignificantSubdomain cutToFirstSignificantSubdomain path pathFull queryString fragment queryStringAndFragment netloc cutWWW cutQueryString cutFragment cutQueryStringAndFragment decodeURLComponent encodeURLComponent encodeURLFormComponent decodeURLFormComponent domainRFC topLevelDomainRFC firstSignificantSubdomainRFC | Url | Str
extractURLParameter cutURLParameter | Url skey | Str
extractURLParameters extractURLParameterNames URLHierarchy URLPathHierarchy | Url | [Str]
port portRFC | Url | Int
domain path protocol encodeURLComponent decodeURLComponent | Str | Str
""",
}

AGGREGATE = """
count sum min max | Int | Int
sum min max avg | SInt | Num
sum avg | Dec | Dec
sum sumKahan avg | MildFloat | Float
sumWithOverflow | Int | Int
min max | Float | Float
min max | T | T
any anyLast | key:T | T
count uniq uniqExact uniqCombined uniqHLL12 | T | Int
uniqExact uniq | T V | Int
uniqUpTo(4) | T | Int
count(DISTINCT $1) | T | Int
sum(DISTINCT $1) | SInt | Num
arraySort(groupArray($1)) | T | [T]
arraySort(groupUniqArray($1)) | T | [T]
groupArraySorted(5) | Int | [Int]
length(groupArray(3)($1)) | T | Int
groupBitAnd groupBitOr groupBitXor | UInt64 | Int
groupBitAnd groupBitOr groupBitXor | Int | Int
groupBitmap | UInt32 | Int
varPopStable stddevSampStable | Small | Float
varPop varSamp stddevPop stddevSamp skewPop skewSamp kurtPop kurtSamp | UInt8 | Float
corrStable | Small Small | Float
covarPop covarSamp corr | UInt8 UInt8 | Float
quantile(0.5) quantileExact(0.9) quantileExactLow quantileExactHigh quantileExactInclusive(0.25) quantileExactExclusive(0.25) | SInt | Num
quantile(0.9) quantileExact(0.5) | MildFloat | Float
quantiles(0.1,0.9) quantilesExact(0.25,0.75) | SInt | [Num]
quantileExact(0.5) | When | When
quantileExactWeighted(0.5) quantileExactWeightedInterpolated(0.4) | SInt UInt8 | Num
quantileInterpolatedWeighted(0.4) | UInt8 UInt8 | Num
quantileTiming(0.5) | UInt8 | Float
quantileDeterministic(0.5) | SInt id | Num
argMin argMax | T id | T
sumMapWithOverflow sumMappedArrays | lit:[SInt] lit:[SInt] | Tup
avgWeighted | SInt UInt8 | Float
entropy | SInt | Float
simpleLinearRegression | Small Small | Tup
sumCount | SInt | Tup
maxIntersections | SInt SInt | Int
arraySort(topK(1000)($1)) | T | [T]
intervalLengthSum | SInt SInt | Num
retention | Bool Bool | [Int]
singleValueOrNull | key:T | T
sumMap($1) | {Str:Int64} | {Str:Int}
minMap($1) | {Str:Int64} | {Str:Int}
arraySort(splitByChar(',', groupConcat(',')($1))) | SInt | [Str]
regr_slope regr_count regr_avgx regr_sxy | Small Small | Float
"""
COMBINATORS = ("If", "OrNull", "OrDefault", "Distinct", "Array", "ForEach", "IfOrNull", "ArrayIf")


def parse(text, group):
    """The lines of a table as (function or template, arguments, result, group)."""
    found = []
    for line in text.strip().splitlines():
        names, arguments, result = (part.strip() for part in line.rsplit(" | ", 2))
        names = [names] if "$" in names else names.split()
        found += [(name, arguments.split(), result, group) for name in names]
    return found


def all_scalars():
    return [entry for group, text in SCALAR.items() for entry in parse(text, group)]


def all_aggregates():
    return parse(AGGREGATE, "aggregates")
