"""Blocks shared by tracker and detector: functions from tensor to tensor made of stock Keras layers only.

Nothing here needs `custom_objects`: a model made of these blocks loads with plain `keras.models.load_model`.
"""
