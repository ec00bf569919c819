/* AT Attachment: what drives and drivers both must know (ATA/ATAPI-6, T13/1410D).
 *
 * Constants only: the command block's registers, bits, command codes and the words of IDENTIFY
 * DEVICE that software reads. Section numbers are ATA/ATAPI-6's.
 */
#ifndef SPEC_ATA_H
#define SPEC_ATA_H

#define ATA_SECTOR 512u

/* Command block registers, as offsets from its base (7.x); read names where they differ. */
enum {
    ATA_REG_DATA,
    ATA_REG_FEATURES, /* read: error */
    ATA_REG_NSECT,
    ATA_REG_LBAL,
    ATA_REG_LBAM,
    ATA_REG_LBAH,
    ATA_REG_DEVICE,
    ATA_REG_COMMAND, /* read: status */
    ATA_REG_CONTROL, /* of the control block; read: alternate status */
    ATA_REGS,
    ATA_REG_ERROR = ATA_REG_FEATURES,
    ATA_REG_STATUS = ATA_REG_COMMAND
};

/* Legacy port addresses of the two channels' blocks. */
#define ATA_PRIMARY_COMMAND   0x1f0u
#define ATA_PRIMARY_CONTROL   0x3f6u
#define ATA_SECONDARY_COMMAND 0x170u
#define ATA_SECONDARY_CONTROL 0x376u

/* Status (7.15) */
#define ATA_BSY  0x80u
#define ATA_DRDY 0x40u
#define ATA_DF   0x20u /* device fault */
#define ATA_DSC  0x10u /* seek complete; command specific since ATA-4 */
#define ATA_DRQ  0x08u
#define ATA_ERR  0x01u

/* Error (7.9) */
#define ATA_ICRC              0x80u /* UltraDMA CRC */
#define ATA_UNC               0x40u /* data uncorrectable */
#define ATA_IDNF              0x10u /* address not found */
#define ATA_ABRT              0x04u
#define ATA_DIAGNOSTIC_PASSED 0x01u /* after a reset or EXECUTE DEVICE DIAGNOSTIC (9.11) */

/* Device (7.7) and device control (7.8) */
#define ATA_DEV_LBA  0x40u
#define ATA_DEV_DEV  0x10u /* device 1 */
#define ATA_DEV_HEAD 0x0fu /* head, or LBA 27:24 */
#define ATA_DEV_ONES 0xa0u /* obsolete bits, read as ones */
#define ATA_CTL_HOB  0x80u
#define ATA_CTL_SRST 0x04u
#define ATA_CTL_NIEN 0x02u

/* Commands (8) */
enum {
    ATA_NOP = 0x00,
    ATA_RECALIBRATE = 0x10,
    ATA_READ_SECTORS = 0x20,
    ATA_READ_SECTORS_NORETRY = 0x21,
    ATA_READ_SECTORS_EXT = 0x24,
    ATA_READ_DMA_EXT = 0x25,
    ATA_READ_NATIVE_MAX_EXT = 0x27,
    ATA_READ_MULTIPLE_EXT = 0x29,
    ATA_WRITE_SECTORS = 0x30,
    ATA_WRITE_SECTORS_NORETRY = 0x31,
    ATA_WRITE_SECTORS_EXT = 0x34,
    ATA_WRITE_DMA_EXT = 0x35,
    ATA_WRITE_MULTIPLE_EXT = 0x39,
    ATA_READ_VERIFY = 0x40,
    ATA_READ_VERIFY_NORETRY = 0x41,
    ATA_READ_VERIFY_EXT = 0x42,
    ATA_SEEK = 0x70,
    ATA_DEVICE_DIAGNOSTIC = 0x90,
    ATA_INITIALIZE_PARAMETERS = 0x91,
    ATA_READ_MULTIPLE = 0xc4,
    ATA_WRITE_MULTIPLE = 0xc5,
    ATA_SET_MULTIPLE = 0xc6,
    ATA_READ_DMA = 0xc8,
    ATA_READ_DMA_NORETRY = 0xc9,
    ATA_WRITE_DMA = 0xca,
    ATA_WRITE_DMA_NORETRY = 0xcb,
    ATA_STANDBY_IMMEDIATE = 0xe0,
    ATA_IDLE_IMMEDIATE = 0xe1,
    ATA_STANDBY = 0xe2,
    ATA_IDLE = 0xe3,
    ATA_CHECK_POWER = 0xe5,
    ATA_SLEEP = 0xe6,
    ATA_FLUSH_CACHE = 0xe7,
    ATA_FLUSH_CACHE_EXT = 0xea,
    ATA_IDENTIFY = 0xec,
    ATA_SET_FEATURES = 0xef,
    ATA_READ_NATIVE_MAX = 0xf8
};

/* SET FEATURES subcommands (8.46) */
enum {
    ATA_FEATURE_WRITE_CACHE = 0x02,
    ATA_FEATURE_TRANSFER_MODE = 0x03, /* mode in the sector count */
    ATA_FEATURE_NO_LOOK_AHEAD = 0x55,
    ATA_FEATURE_KEEP_SETTINGS = 0x66,
    ATA_FEATURE_NO_WRITE_CACHE = 0x82,
    ATA_FEATURE_LOOK_AHEAD = 0xaa,
    ATA_FEATURE_REVERT_SETTINGS = 0xcc
};

/* Transfer mode values in the sector count of SET FEATURES (8.46.11); the low bits are the mode. */
#define ATA_XFER_PIO   0x08u
#define ATA_XFER_SWDMA 0x10u
#define ATA_XFER_MWDMA 0x20u
#define ATA_XFER_UDMA  0x40u

/* CHECK POWER MODE's answers in the sector count (8.6) */
#define ATA_POWER_STANDBY 0x00u
#define ATA_POWER_IDLE    0x80u
#define ATA_POWER_ACTIVE  0xffu

/* Most sectors that a 28-bit command can address (words 60-61 of IDENTIFY DEVICE). */
#define ATA_MAX_28 0x0fffffffull

#endif
