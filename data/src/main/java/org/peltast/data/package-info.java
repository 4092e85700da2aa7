/** Captioned images, prompt lists, and the built-in emoji corpus. */
@org.jspecify.annotations.NullMarked
package org.peltast.data;
