"""The rules of the built-in XGBoost: its hyperparameters and its metrics.

Source: "XGBoost algorithm with Amazon SageMaker AI" (Amazon SageMaker Developer Guide), and the behaviour of the image
sagemaker-xgboost 3.0-5.
"""
