/**
 * Decoding of picture files: what cameras, browsers and other tools write, as plain RGB.
 *
 * <ul>
 *   <li>{@link org.peltast.pictures.PictureDecoder}: a PNG, JPEG, WebP, GIF, BMP or TIFF file,
 *       upright and on white; harmless damage is passed over, as libpng and libjpeg do.
 *   <li>{@link org.peltast.pictures.PictureKinds}: which files are pictures, by ending and content.
 *   <li>{@link org.peltast.pictures.Resampler}: pictures at another size.
 * </ul>
 */
@org.jspecify.annotations.NullMarked
package org.peltast.pictures;
