//! The one error type of the whole house.
//!
//! Every error carries ClickHouse's number and name, so that clients which branch on them work
//! unchanged, and a class that tells who can mend it. All codes are declared once, in the
//! table below.

use std::fmt;

/// A result whose error is [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Who can mend an error, and whether trying again makes sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorClass {
    /// The request is at fault; repeating it unchanged fails again.
    User,
    /// A limit or a passing state; the same request may succeed later.
    Transient,
    /// Data or the program itself is at fault; somebody has to look.
    Permanent,
    /// Somebody asked for the work to stop.
    Cancelled,
}

macro_rules! error_codes {
    ($($variant:ident = $number:literal $name:literal $class:ident,)*) => {
        /// ClickHouse's error codes as far as Granary raises them.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[allow(missing_docs)]
        pub enum ErrorCode { $($variant = $number,)* }

        impl ErrorCode {
            /// Every code, in the order of declaration.
            pub const ALL: &'static [ErrorCode] = &[$(ErrorCode::$variant,)*];

            /// ClickHouse's name, as in `SYNTAX_ERROR`.
            pub fn name(self) -> &'static str {
                match self { $(ErrorCode::$variant => $name,)* }
            }

            /// Who can mend an error of this code.
            pub fn class(self) -> ErrorClass {
                match self { $(ErrorCode::$variant => ErrorClass::$class,)* }
            }
        }
    };
}

error_codes! {
    UnsupportedMethod = 1 "UNSUPPORTED_METHOD" User,
    UnexpectedEndOfFile = 3 "UNEXPECTED_END_OF_FILE" User,
    CannotParseText = 6 "CANNOT_PARSE_TEXT" User,
    IncorrectNumberOfColumns = 7 "INCORRECT_NUMBER_OF_COLUMNS" User,
    ThereIsNoColumn = 8 "THERE_IS_NO_COLUMN" User,
    SizesOfColumnsDoesntMatch = 9 "SIZES_OF_COLUMNS_DOESNT_MATCH" Permanent,
    NotFoundColumnInBlock = 10 "NOT_FOUND_COLUMN_IN_BLOCK" User,
    PositionOutOfBound = 11 "POSITION_OUT_OF_BOUND" User,
    ParameterOutOfBound = 12 "PARAMETER_OUT_OF_BOUND" User,
    DuplicateColumn = 15 "DUPLICATE_COLUMN" User,
    NoSuchColumnInTable = 16 "NO_SUCH_COLUMN_IN_TABLE" User,
    SizeOfFixedStringDoesntMatch = 19 "SIZE_OF_FIXED_STRING_DOESNT_MATCH" User,
    NumberOfColumnsDoesntMatch = 20 "NUMBER_OF_COLUMNS_DOESNT_MATCH" User,
    CannotParseEscapeSequence = 25 "CANNOT_PARSE_ESCAPE_SEQUENCE" User,
    CannotParseQuotedString = 26 "CANNOT_PARSE_QUOTED_STRING" User,
    CannotParseInputAssertionFailed = 27 "CANNOT_PARSE_INPUT_ASSERTION_FAILED" User,
    AttemptToReadAfterEof = 32 "ATTEMPT_TO_READ_AFTER_EOF" User,
    CannotReadAllData = 33 "CANNOT_READ_ALL_DATA" User,
    TooManyArgumentsForFunction = 34 "TOO_MANY_ARGUMENTS_FOR_FUNCTION" User,
    TooFewArgumentsForFunction = 35 "TOO_FEW_ARGUMENTS_FOR_FUNCTION" User,
    BadArguments = 36 "BAD_ARGUMENTS" User,
    UnknownElementInAst = 37 "UNKNOWN_ELEMENT_IN_AST" User,
    CannotParseDate = 38 "CANNOT_PARSE_DATE" User,
    TooLargeSizeCompressed = 39 "TOO_LARGE_SIZE_COMPRESSED" User,
    ChecksumDoesntMatch = 40 "CHECKSUM_DOESNT_MATCH" Permanent,
    CannotParseDatetime = 41 "CANNOT_PARSE_DATETIME" User,
    NumberOfArgumentsDoesntMatch = 42 "NUMBER_OF_ARGUMENTS_DOESNT_MATCH" User,
    IllegalTypeOfArgument = 43 "ILLEGAL_TYPE_OF_ARGUMENT" User,
    IllegalColumn = 44 "ILLEGAL_COLUMN" User,
    UnknownFunction = 46 "UNKNOWN_FUNCTION" User,
    UnknownIdentifier = 47 "UNKNOWN_IDENTIFIER" User,
    NotImplemented = 48 "NOT_IMPLEMENTED" User,
    LogicalError = 49 "LOGICAL_ERROR" Permanent,
    UnknownType = 50 "UNKNOWN_TYPE" User,
    EmptyListOfColumnsQueried = 51 "EMPTY_LIST_OF_COLUMNS_QUERIED" User,
    TypeMismatch = 53 "TYPE_MISMATCH" User,
    StorageDoesntAllowParameters = 54 "STORAGE_DOESNT_ALLOW_PARAMETERS" User,
    UnknownStorage = 56 "UNKNOWN_STORAGE" User,
    TableAlreadyExists = 57 "TABLE_ALREADY_EXISTS" User,
    TableMetadataAlreadyExists = 58 "TABLE_METADATA_ALREADY_EXISTS" User,
    IllegalTypeOfColumnForFilter = 59 "ILLEGAL_TYPE_OF_COLUMN_FOR_FILTER" User,
    UnknownTable = 60 "UNKNOWN_TABLE" User,
    SyntaxError = 62 "SYNTAX_ERROR" User,
    UnknownAggregateFunction = 63 "UNKNOWN_AGGREGATE_FUNCTION" User,
    CannotGetSizeOfField = 68 "CANNOT_GET_SIZE_OF_FIELD" User,
    ArgumentOutOfBound = 69 "ARGUMENT_OUT_OF_BOUND" User,
    CannotConvertType = 70 "CANNOT_CONVERT_TYPE" User,
    CannotWriteAfterEndOfBuffer = 71 "CANNOT_WRITE_AFTER_END_OF_BUFFER" User,
    CannotParseNumber = 72 "CANNOT_PARSE_NUMBER" User,
    UnknownFormat = 73 "UNKNOWN_FORMAT" User,
    CannotReadFromFileDescriptor = 74 "CANNOT_READ_FROM_FILE_DESCRIPTOR" Permanent,
    CannotWriteToFileDescriptor = 75 "CANNOT_WRITE_TO_FILE_DESCRIPTOR" Permanent,
    CannotOpenFile = 76 "CANNOT_OPEN_FILE" Permanent,
    UnknownDatabase = 81 "UNKNOWN_DATABASE" User,
    DatabaseAlreadyExists = 82 "DATABASE_ALREADY_EXISTS" User,
    DirectoryDoesntExist = 83 "DIRECTORY_DOESNT_EXIST" User,
    DirectoryAlreadyExists = 84 "DIRECTORY_ALREADY_EXISTS" User,
    FormatIsNotSuitableForInput = 85 "FORMAT_IS_NOT_SUITABLE_FOR_INPUT" User,
    FormatIsNotSuitableForOutput = 86 "FORMAT_IS_NOT_SUITABLE_FOR_OUTPUT" User,
    ReceivedErrorFromRemoteIoServer = 86_001 "RECEIVED_ERROR_FROM_REMOTE_IO_SERVER" Transient,
    UnknownCompressionMethod = 89 "UNKNOWN_COMPRESSION_METHOD" User,
    CannotReadSizeOfField = 90 "CANNOT_READ_SIZE_OF_FIELD" User,
    UnknownSetting = 115 "UNKNOWN_SETTING" User,
    ThereIsNoDefaultValue = 116 "THERE_IS_NO_DEFAULT_VALUE" User,
    IncorrectData = 117 "INCORRECT_DATA" User,
    EngineRequired = 119 "ENGINE_REQUIRED" User,
    CannotInsertValueOfDifferentSizeIntoTuple = 120 "CANNOT_INSERT_VALUE_OF_DIFFERENT_SIZE_INTO_TUPLE" User,
    UnsupportedJoinKeys = 121 "UNSUPPORTED_JOIN_KEYS" User,
    IncompatibleColumns = 122 "INCOMPATIBLE_COLUMNS" User,
    UnknownTypeOfAstNode = 123 "UNKNOWN_TYPE_OF_AST_NODE" User,
    IncorrectElementOfSet = 124 "INCORRECT_ELEMENT_OF_SET" User,
    IncorrectResultOfScalarSubquery = 125 "INCORRECT_RESULT_OF_SCALAR_SUBQUERY" User,
    IllegalIndex = 127 "ILLEGAL_INDEX" User,
    TooLargeArraySize = 128 "TOO_LARGE_ARRAY_SIZE" User,
    FunctionIsSpecial = 129 "FUNCTION_IS_SPECIAL" User,
    CannotReadArrayFromText = 130 "CANNOT_READ_ARRAY_FROM_TEXT" User,
    TooLargeStringSize = 131 "TOO_LARGE_STRING_SIZE" User,
    AggregateFunctionDoesntAllowParameters = 133 "AGGREGATE_FUNCTION_DOESNT_ALLOW_PARAMETERS" User,
    ParametersToAggregateFunctionsMustBeLiterals = 134 "PARAMETERS_TO_AGGREGATE_FUNCTIONS_MUST_BE_LITERALS" User,
    ZeroArrayOrTupleIndex = 135 "ZERO_ARRAY_OR_TUPLE_INDEX" User,
    UnknownElementInConfig = 137 "UNKNOWN_ELEMENT_IN_CONFIG" User,
    ExcessiveElementInConfig = 138 "EXCESSIVE_ELEMENT_IN_CONFIG" User,
    NoElementsInConfig = 139 "NO_ELEMENTS_IN_CONFIG" User,
    SetSizeLimitExceeded = 191 "SET_SIZE_LIMIT_EXCEEDED" User,
    UnknownUser = 192 "UNKNOWN_USER" User,
    WrongPassword = 193 "WRONG_PASSWORD" User,
    RequiredPassword = 194 "REQUIRED_PASSWORD" User,
    IpAddressNotAllowed = 195 "IP_ADDRESS_NOT_ALLOWED" User,
    DatabaseNotEmpty = 219 "DATABASE_NOT_EMPTY" User,
    TooManySimultaneousQueries = 202 "TOO_MANY_SIMULTANEOUS_QUERIES" Transient,
    TooManyRows = 158 "TOO_MANY_ROWS" User,
    TimeoutExceeded = 159 "TIMEOUT_EXCEEDED" Transient,
    UnknownOverflowMode = 145 "UNKNOWN_OVERFLOW_MODE" User,
    TooSlow = 160 "TOO_SLOW" Transient,
    TooManyColumns = 161 "TOO_MANY_COLUMNS" User,
    TooDeepSubqueries = 162 "TOO_DEEP_SUBQUERIES" User,
    Readonly = 164 "READONLY" User,
    TooManyTemporaryColumns = 165 "TOO_MANY_TEMPORARY_COLUMNS" User,
    TooDeepAst = 167 "TOO_DEEP_AST" User,
    TooBigAst = 168 "TOO_BIG_AST" User,
    BadTypeOfField = 169 "BAD_TYPE_OF_FIELD" User,
    BadGet = 170 "BAD_GET" Permanent,
    CannotCreateDirectory = 172 "CANNOT_CREATE_DIRECTORY" Permanent,
    CannotAllocateMemory = 173 "CANNOT_ALLOCATE_MEMORY" Transient,
    CyclicAliases = 174 "CYCLIC_ALIASES" User,
    MultipleExpressionsForAlias = 179 "MULTIPLE_EXPRESSIONS_FOR_ALIAS" User,
    IllegalFinal = 181 "ILLEGAL_FINAL" User,
    IllegalPrewhere = 182 "ILLEGAL_PREWHERE" User,
    UnexpectedExpression = 183 "UNEXPECTED_EXPRESSION" User,
    IllegalAggregation = 184 "ILLEGAL_AGGREGATION" User,
    QueryCacheUsedWithNondeterministicFunctions = 703 "QUERY_CACHE_USED_WITH_NONDETERMINISTIC_FUNCTIONS" User,
    QueryCacheUsedWithSystemTable = 719 "QUERY_CACHE_USED_WITH_SYSTEM_TABLE" User,
    UnsupportedCollationLocale = 186 "UNSUPPORTED_COLLATION_LOCALE" User,
    CollationComparisonFailed = 187 "COLLATION_COMPARISON_FAILED" User,
    SizesOfArraysDontMatch = 190 "SIZES_OF_ARRAYS_DONT_MATCH" User,
    NotAnAggregate = 215 "NOT_AN_AGGREGATE" User,
    QueryWithSameIdIsAlreadyRunning = 216 "QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING" User,
    TableIsReadOnly = 242 "TABLE_IS_READ_ONLY" Transient,
    NotEnoughSpace = 243 "NOT_ENOUGH_SPACE" Transient,
    UnexpectedZookeeperError = 244 "UNEXPECTED_ZOOKEEPER_ERROR" Transient,
    CorruptedData = 246 "CORRUPTED_DATA" Permanent,
    InvalidPartitionValue = 248 "INVALID_PARTITION_VALUE" User,
    NoSuchDataPart = 232 "NO_SUCH_DATA_PART" User,
    DuplicateDataPart = 235 "DUPLICATE_DATA_PART" User,
    Aborted = 236 "ABORTED" Cancelled,
    MemoryLimitExceeded = 241 "MEMORY_LIMIT_EXCEEDED" Transient,
    TooManyParts = 252 "TOO_MANY_PARTS" Transient,
    TooManyPartitions = 10_252 "TOO_MANY_PARTITIONS" User,
    EmptyDataPassed = 92 "EMPTY_DATA_PASSED" User,
    CannotParseUuid = 376 "CANNOT_PARSE_UUID" User,
    IllegalSyntaxForDataType = 377 "ILLEGAL_SYNTAX_FOR_DATA_TYPE" User,
    DataTypeCannotHaveArguments = 378 "DATA_TYPE_CANNOT_HAVE_ARGUMENTS" User,
    CannotParseIpv4 = 675 "CANNOT_PARSE_IPV4" User,
    CannotParseIpv6 = 676 "CANNOT_PARSE_IPV6" User,
    UnknownStatusOfInsert = 319 "UNKNOWN_STATUS_OF_INSERT" Transient,
    ValueIsOutOfRangeOfDataType = 321 "VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE" User,
    UnionAllResultStructuresMismatch = 258 "UNION_ALL_RESULT_STRUCTURES_MISMATCH" User,
    ClientOutputFormatSpecified = 290 "CLIENT_OUTPUT_FORMAT_SPECIFIED" User,
    IncorrectFileName = 79 "INCORRECT_FILE_NAME" User,
    DatabaseAccessDenied = 291 "DATABASE_ACCESS_DENIED" User,
    CannotCompress = 270 "CANNOT_COMPRESS" Permanent,
    CannotDecompress = 271 "CANNOT_DECOMPRESS" User,
    AmbiguousIdentifier = 207 "AMBIGUOUS_IDENTIFIER" User,
    AmbiguousColumnName = 352 "AMBIGUOUS_COLUMN_NAME" User,
    InvalidJoinOnExpression = 403 "INVALID_JOIN_ON_EXPRESSION" User,
    DecimalOverflow = 407 "DECIMAL_OVERFLOW" User,
    IllegalDivision = 153 "ILLEGAL_DIVISION" User,
    SessionNotFound = 372 "SESSION_NOT_FOUND" User,
    SessionIsLocked = 373 "SESSION_IS_LOCKED" Transient,
    InvalidSessionTimeout = 374 "INVALID_SESSION_TIMEOUT" User,
    QueryWasCancelled = 394 "QUERY_WAS_CANCELLED" Cancelled,
    FunctionThrowIfValueIsNonZero = 395 "FUNCTION_THROW_IF_VALUE_IS_NON_ZERO" User,
    TooManyRowsOrBytes = 396 "TOO_MANY_ROWS_OR_BYTES" User,
    QueryIsNotSupportedInMaterializedView = 397 "QUERY_IS_NOT_SUPPORTED_IN_MATERIALIZED_VIEW" User,
    CannotParseDomainValueFromString = 441 "CANNOT_PARSE_DOMAIN_VALUE_FROM_STRING" User,
    BadQueryParameter = 457 "BAD_QUERY_PARAMETER" User,
    UnknownQueryParameter = 456 "UNKNOWN_QUERY_PARAMETER" User,
    CannotUnlink = 458 "CANNOT_UNLINK" Permanent,
    AccessDenied = 497 "ACCESS_DENIED" User,
    AuthenticationFailed = 516 "AUTHENTICATION_FAILED" User,
    CannotExtractTableStructure = 636 "CANNOT_EXTRACT_TABLE_STRUCTURE" User,
    InvalidSettingValue = 473 "INVALID_SETTING_VALUE" User,
    BrokenPart = 10_001 "BROKEN_PART" Permanent,
    UnknownCodec = 432 "UNKNOWN_CODEC" User,
    IllegalCodecParameter = 433 "ILLEGAL_CODEC_PARAMETER" User,
    CannotParseProtobufSchema = 434 "CANNOT_PARSE_PROTOBUF_SCHEMA" User,
    UnknownExceptionInParquet = 1_001 "STD_EXCEPTION" User,
    CannotParseBool = 467 "CANNOT_PARSE_BOOL" User,
    TooManyArrayJoins = 20_001 "TOO_MANY_ARRAY_JOINS" User,
    QueryNotAllowed = 392 "QUERY_IS_PROHIBITED" User,
    DataTypeNotSupportedByFormat = 50_001 "UNSUPPORTED_DATA_TYPE" User,
    CannotRestoreTable = 695 "CANNOT_RESTORE_TABLE" Permanent,
    CorruptedCatalog = 10_002 "CORRUPTED_CATALOG" Permanent,
    FileDoesntExist = 107 "FILE_DOESNT_EXIST" User,
    NetworkError = 210 "NETWORK_ERROR" Transient,
    TooManyBytes = 307 "TOO_MANY_BYTES" User,
    PathAccessDenied = 481 "PATH_ACCESS_DENIED" User,
    CannotFstat = 600 "CANNOT_STAT" Permanent,
    DataFolderLocked = 10_003 "DATA_FOLDER_LOCKED" Permanent,
    UnsupportedParameter = 494 "UNSUPPORTED_PARAMETER" User,
    NoCommonType = 386 "NO_COMMON_TYPE" User,
    InvalidLimitExpression = 440 "INVALID_LIMIT_EXPRESSION" User,
    InvalidWithFillExpression = 475 "INVALID_WITH_FILL_EXPRESSION" User,
    BadDatabaseForTemporaryTable = 442 "BAD_DATABASE_FOR_TEMPORARY_TABLE" User,
    BadCollation = 292 "BAD_COLLATION" User,
    SamplingNotSupported = 141 "SAMPLING_NOT_SUPPORTED" User,
    IncompatibleTypeOfJoin = 264 "INCOMPATIBLE_TYPE_OF_JOIN" User,
    TooDeepRecursion = 306 "TOO_DEEP_RECURSION" User,
    IndexOfPositionalArgumentIsOutOfRange = 578 "INDEX_OF_POSITIONAL_ARGUMENT_IS_OUT_OF_RANGE" User,
    RegexpError = 427 "CANNOT_COMPILE_REGEXP" User,
    TooManyQueryPlanOptimizations = 572 "TOO_MANY_QUERY_PLAN_OPTIMIZATIONS" Permanent,
    CannotInsertNullInOrdinaryColumn = 349 "CANNOT_INSERT_NULL_IN_ORDINARY_COLUMN" User,
    DictionaryAlreadyExists = 387 "DICTIONARY_ALREADY_EXISTS" User,
    ViolatedConstraint = 469 "VIOLATED_CONSTRAINT" User,
    CannotUpdateColumn = 420 "CANNOT_UPDATE_COLUMN" User,
    AlterOfColumnIsForbidden = 524 "ALTER_OF_COLUMN_IS_FORBIDDEN" User,
    FunctionAlreadyExists = 609 "FUNCTION_ALREADY_EXISTS" User,
    CannotCreateRecursiveFunction = 611 "CANNOT_CREATE_RECURSIVE_FUNCTION" User,
    UnknownElementOfEnum = 691 "UNKNOWN_ELEMENT_OF_ENUM" User,
}

/// What went wrong: a code, and a message that says where and what to do about it.
#[derive(Clone, PartialEq, Eq)]
pub struct Error(Box<Content>);

#[derive(Clone, PartialEq, Eq)]
struct Content {
    code: ErrorCode,
    message: String,
}

impl Error {
    /// An error of a code with its message.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Error {
        Error(Box::new(Content { code, message: message.into() }))
    }

    /// A broken invariant of the program itself.
    pub fn logical(message: impl Into<String>) -> Error {
        Error::new(ErrorCode::LogicalError, message)
    }

    /// A failed call to the operating system: what was done, to which path.
    pub fn io(
        code: ErrorCode,
        doing: &str,
        path: &std::path::Path,
        error: &std::io::Error,
    ) -> Error {
        Error::new(code, format!("{doing} {}: {error}", path.display()))
    }

    /// ClickHouse's code.
    pub fn code(&self) -> ErrorCode {
        self.0.code
    }

    /// Who can mend it.
    pub fn class(&self) -> ErrorClass {
        self.0.code.class()
    }

    /// The message alone, without code and name.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The same error with `context: ` in front of its message.
    #[must_use]
    pub fn within(self, context: impl fmt::Display) -> Error {
        Error::new(self.0.code, format!("{context}: {}", self.0.message))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Content { code, message } = &*self.0;
        let stop = if message.ends_with(['.', '!', '?']) { "" } else { "." };
        write!(f, "Code: {}. DB::Exception: {message}{stop} ({})", *code as u32, code.name())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Error {}

/// Returns early with an error: `bail!(BadArguments, "no {} here", name)`.
#[macro_export]
macro_rules! bail {
    ($code:ident, $($message:tt)+) => {
        return Err($crate::error!($code, $($message)+))
    };
}

/// An error from a code and a formatted message: `error!(UnknownTable, "no table {name}")`.
#[macro_export]
macro_rules! error {
    ($code:ident, $($message:tt)+) => {
        $crate::Error::new($crate::ErrorCode::$code, format!($($message)+))
    };
}
